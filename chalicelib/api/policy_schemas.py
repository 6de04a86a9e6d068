"""Schemas of the idle policy, which instances, owners and the desk share."""

from typing import Annotated

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from chalicelib.api.request_models import RejectNull, RequestModel
from chalicelib.domain.desk.hook_path import HOOK_PATTERN, MAX_HOOK_LENGTH
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds

SIGNALS_DESCRIPTION = f"a list of one or more of {', '.join(SIGNALS)}"


HookPath = Annotated[str, StringConstraints(pattern=HOOK_PATTERN, max_length=MAX_HOOK_LENGTH)]


class ThresholdsBody(RequestModel):
    """Activity thresholds. A reading at or above its threshold is activity.

    `gpu_percent`: any GPU; `cpu_core_percent`: percent of one core, summed over all cores; disk and network: any
    device.
    """

    gpu_percent: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=100, description="a whole number of percent from 1 to 100, e.g. 5"
    )
    cpu_core_percent: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=100_000, description="a whole number of percent of one core from 1 to 100000, e.g. 25"
    )
    disk_kib_per_second: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=10_000_000, description="a whole number of KiB per second from 1 to 10000000, e.g. 1024"
    )
    network_kib_per_second: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=10_000_000, description="a whole number of KiB per second from 1 to 10000000, e.g. 100"
    )


class IdlePolicyBody(RequestModel):
    """The rule by which gpudesk stops idle instances.

    After `idle_minutes` without activity in any of `signals`, gpudesk sends a stop warning. It stops the instance
    `warning_minutes` later, which is at most `idle_minutes`: a request that sets only `idle_minutes` lowers it if
    necessary, and `warnings` of the answer says so.
    """

    idle_minutes: Annotated[int | None, RejectNull] = Field(
        None,
        ge=3,
        le=10080,
        description="a whole number of minutes from 3 (three samples) to limits.idle_minutes of GET /desk, e.g. 30",
    )
    warning_minutes: Annotated[int | None, RejectNull] = Field(
        None,
        ge=1,
        le=1440,
        description="a whole number of minutes from 1 to limits.warning_minutes of GET /desk, e.g. 10",
    )
    signals: Annotated[list[str] | None, RejectNull] = Field(
        None, min_length=1, max_length=20, description=SIGNALS_DESCRIPTION
    )
    thresholds: Annotated[ThresholdsBody | None, RejectNull] = Field(
        None, description='an object such as {"gpu_percent": 5, "cpu_core_percent": 25}'
    )

    def to_override(self, max_hours: int | None, before_stop_hook: str | None = None) -> PolicyOverride:
        """Return the policy fields of the request, to be applied over the defaults.

        :param max_hours: the maximum lifetime, which is not part of `idle_policy` in requests; None: not requested
        :param before_stop_hook: the same of the hook; an empty text: no hook
        """
        return PolicyOverride(
            idle_minutes=self.idle_minutes,
            warning_minutes=self.warning_minutes,
            signals=tuple(self.signals) if self.signals is not None else None,
            thresholds=self.thresholds.model_dump(exclude_none=True) if self.thresholds else {},
            max_hours=max_hours,
            before_stop_hook=before_stop_hook,
        )


class ThresholdsView(TypedDict):
    """Activity thresholds. A reading at or above its threshold is activity.

    `gpu_percent`: any GPU; `cpu_core_percent`: percent of one core, summed over all cores; disk and network: any
    device.
    """

    gpu_percent: int
    cpu_core_percent: int
    disk_kib_per_second: int
    network_kib_per_second: int


def to_thresholds_view(thresholds: Thresholds) -> ThresholdsView:
    """Return the view of activity thresholds."""
    return {
        "gpu_percent": thresholds.gpu_percent,
        "cpu_core_percent": thresholds.cpu_core_percent,
        "disk_kib_per_second": thresholds.disk_kib_per_second,
        "network_kib_per_second": thresholds.network_kib_per_second,
    }


class IdlePolicyView(TypedDict):
    """The rule by which gpudesk stops idle instances.

    After `idle_minutes` without activity in any of `signals`, gpudesk sends a stop warning. It stops the instance
    `warning_minutes` later.
    """

    idle_minutes: int
    warning_minutes: int
    signals: list[str]
    thresholds: ThresholdsView


def to_policy_view(policy: IdlePolicy) -> IdlePolicyView:
    """Return the view of an idle policy."""
    return {
        "idle_minutes": policy.idle_minutes,
        "warning_minutes": policy.warning_minutes,
        "signals": list(policy.signals),
        "thresholds": to_thresholds_view(policy.thresholds),
    }
