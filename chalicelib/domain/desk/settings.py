"""The desk's own settings: its mode, what it gives to those who do not ask, and how far people may go."""

from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds
from chalicelib.domain.write_warnings import WarningCode, WriteWarning


class Mode(StrEnum):
    """What gpudesk may do.

    `enforce`: everything. `dry_run`: requests of people are carried out; what gpudesk decides on its own (a stop
    warning, a stop, giving up at a deadline) is only recorded in the timeline. `paused`: nothing is changed and nothing
    is launched.
    """

    ENFORCE = "enforce"
    DRY_RUN = "dry_run"
    PAUSED = "paused"


def paused_warning(mode: Mode, what: str) -> WriteWarning | None:
    """Warn that a request is recorded but not started; None unless the mode is `paused`.

    :param what: the requested action, for example "stop"
    """
    if mode is not Mode.PAUSED:
        return None
    message = f"gpudesk is paused. The {what} is recorded and starts when an admin sets mode to enforce."
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

    def require_not_paused(self, actions: str) -> None:
        """Refuse a request that gpudesk cannot carry out while it is paused.

        :param actions: the subject and the verb of the message, for example "Instances can be started"
        :raises Conflict: the mode is `paused`
        """
        if self.mode is Mode.PAUSED:
            message = f"gpudesk is paused. {actions} when an admin sets mode to enforce."
            raise Conflict(message, code=ErrorCode.DESK_PAUSED)
