"""The desk's own settings: its mode, what it gives to those who do not ask, and how far people may go."""

from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds


@dataclass(frozen=True, kw_only=True)
class OwnerSettings:
    """As `GET /owners/{owner}` shows them; an owner of whom nothing is set has the desk's."""

    owner: str
    policy: PolicyOverride = PolicyOverride()
    channels: Channels = Channels()
    version: int | None = None


class Mode(StrEnum):
    """What gpudesk may do.

    `enforce`: everything. `dry_run`: requests of people are carried out; what gpudesk decides on its own (a stop
    warning, a stop, giving up at a deadline) is only recorded in the timeline. `paused`: nothing is changed and nothing
    is launched.
    """

    ENFORCE = "enforce"
    DRY_RUN = "dry_run"
    PAUSED = "paused"


def build_paused_warning(mode: Mode, action: str) -> WriteWarning | None:
    """Warn that a request is recorded but not started; None unless the mode is `paused`.

    :param action: the requested action, for example "stop"
    """
    if mode is not Mode.PAUSED:
        return None
    message = f"gpudesk is paused. The {action} is recorded and starts when an admin sets mode to enforce."
    return WriteWarning(WarningCode.DESK_PAUSED, message)


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What a request gets that does not say."""

    region: str = "us-east-1"
    recipe: str = "jupyter"
    disk_gib: int = 64
    idle_policy: IdlePolicy = IdlePolicy()
    max_hours: int = 12


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What nobody may exceed.

    :param keep_hours: a keep reaches at most this far from now
    :param instances_per_owner: living ones, stopped ones included
    :param signals: those that a policy may count
    :param min_thresholds: a policy's may not be lower, or the noise of the machine itself would keep it running
    :param required_tags: keys that every request's `tags` must have ("project" stands for the field of that name)
    """

    idle_minutes: int = 240
    warning_minutes: int = 60
    max_hours: int = 72
    keep_hours: int = 72
    disk_gib: int = 2048
    gpu_count: int = 16
    instances_per_owner: int = 10
    required_tags: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    signals: tuple[str, ...] = SIGNALS
    min_thresholds: Thresholds = Thresholds(
        gpu_percent=1, cpu_core_percent=10, disk_kib_per_second=256, network_kib_per_second=20
    )


@dataclass(frozen=True, kw_only=True)
class DeskSettings:
    """As `GET /desk` shows them.

    :param channels: where the admins are told
    :param log_group: of CloudWatch Logs, for all that documents say; None: nothing is kept but what SSM keeps
    """

    mode: Mode = Mode.ENFORCE
    defaults: Defaults = field(default_factory=Defaults)
    limits: Limits = field(default_factory=Limits)
    channels: Channels = Channels()
    log_group: str | None = None
    version: int | None = None
