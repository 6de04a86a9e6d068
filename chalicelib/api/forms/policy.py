"""The idle policy."""

from typing import Annotated

from pydantic import Field

from chalicelib.api.common_schemas import RejectNull, RequestModel
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.policy import SIGNALS

SIGNAL_NAMES = ", ".join(SIGNALS)


class ThresholdsBody(RequestModel):
    """From where on a figure is work: of any GPU, of one core over all cores, of any disk, of any interface."""

    gpu_percent: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=100, description="a whole number of percent from 1 to 100, e.g. 5"
    )
    cpu_core_percent: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=100_000, description="a whole number of percent of one core from 1 to 100000, e.g. 25"
    )
    disk_kib_per_second: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=10_000_000, description="a whole number of KiB a second from 1 to 10000000, e.g. 1024"
    )
    network_kib_per_second: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=10_000_000, description="a whole number of KiB a second from 1 to 10000000, e.g. 100"
    )


class IdlePolicyBody(RequestModel):
    """After `idle_minutes` without activity in any of `signals` a warning, `warning_minutes` later the stop."""

    idle_minutes: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=10080, description="a whole number of minutes from 3 (three samples) to 10080, e.g. 30"
    )
    warning_minutes: Annotated[int | None, RejectNull] = Field(
        None, ge=1, le=1440, description="a whole number of minutes from 1 to 1440, e.g. 10"
    )
    signals: Annotated[list[str] | None, RejectNull] = Field(
        None, min_length=1, max_length=20, description=f"a list of some of {SIGNAL_NAMES}"
    )
    thresholds: Annotated[ThresholdsBody | None, RejectNull] = Field(
        None, description='an object such as {"gpu_percent": 5, "cpu_core_percent": 25}'
    )

    def to_override(self, max_hours: int | None) -> PolicyOverride:
        """As the domain has it."""
        return PolicyOverride(
            idle_minutes=self.idle_minutes,
            warning_minutes=self.warning_minutes,
            signals=tuple(self.signals) if self.signals is not None else None,
            thresholds=self.thresholds.model_dump(exclude_none=True) if self.thresholds else {},
            max_hours=max_hours,
        )
