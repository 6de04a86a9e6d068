"""Define the settings of the desk (mode, defaults, limits) and of one owner."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy, Thresholds


@dataclass(frozen=True, kw_only=True)
class OwnerSettings:
    """The settings of one owner, as `GET /owners/{owner}` shows them. Fields that are not set have the desk's values.

    :param monthly_budget: US dollars that the owner's instances may cost in a month; None: no budget
    :param version: the version in the database, for guarded writes; None: not stored yet
    """

    owner: str
    policy: PolicyOverride = PolicyOverride()
    channels: Channels = Channels()
    monthly_budget: Decimal | None = None
    version: int | None = None


class Mode(StrEnum):
    """Mode of gpudesk: which actions it may take.

    - `enforce`: everything.
    - `dry_run`: gpudesk carries out the requests of people. What it decides on its own (a stop warning, a stop, the end
      of an attempt at a deadline) is only recorded in the timeline.
    - `paused`: gpudesk changes nothing in AWS and launches nothing.
    """

    ENFORCE = "enforce"
    DRY_RUN = "dry_run"
    PAUSED = "paused"


@dataclass(frozen=True, kw_only=True)
class ModeChange:
    """The last change of the mode.

    :param by: the actor
    """

    at: datetime
    by: str


PAUSE_END = "an admin ends the pause (PATCH /desk with mode enforce or dry_run)"
"""The end of a pause, as a clause. Then gpudesk carries out the requests that it held back, also in a dry run."""


def build_paused_warning(mode: Mode, action: str) -> WriteWarning | None:
    """Warn that a request is recorded but not started; None unless the mode is `paused`.

    :param action: the requested action, for example "stop"
    """
    if mode is not Mode.PAUSED:
        return None
    message = f"gpudesk is paused. The {action} is recorded and starts when {PAUSE_END}."
    return WriteWarning(WarningCode.DESK_PAUSED, message)


def build_dry_run_warning(mode: Mode) -> WriteWarning | None:
    """Warn that nothing stops an instance that was launched or started; None unless the mode is `dry_run`."""
    if mode is not Mode.DRY_RUN:
        return None
    message = (
        "gpudesk only does a dry run: it stops no instance on its own until an admin sets mode to enforce. The "
        "instance is billed until somebody stops it."
    )
    return WriteWarning(WarningCode.DRY_RUN, message)


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """Values of the fields that a launch request leaves out.

    :param disk_gib: None: 64 GiB more than the public image; a launch from an own image always has the size of that
    """

    region: str = "us-east-1"
    recipe: str = "jupyter"
    disk_gib: int | None = None
    idle_policy: IdlePolicy = IdlePolicy()
    max_hours: int = 12


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits that no request can exceed.

    :param keep_hours: maximum hours from the request of a keep to its end
    :param instances_per_owner: active instances, including stopped ones, without launches that failed
    :param regions: regions in which instances can be launched; empty: all in which gpudesk is set up
    :param signals: the signals that a policy can use
    :param min_thresholds: the lowest thresholds of a policy; below them the noise of an idle system counts as activity
    :param required_tags: keys that the `tags` of every launch request must have; "project" means the field of that name
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
    """The settings of the desk, as `GET /desk` shows them.

    :param mode_change: None: no admin has changed the mode yet
    :param resumed_at: when the mode was last changed from `paused` to another one
    :param channels: the channels that reach the admins
    :param project_budgets: US dollars that the instances of a project may cost in a month, by project
    :param log_group: the group in CloudWatch Logs for the output of documents; None: only SSM retains it
    :param version: the version in the database, for guarded writes; None: not stored yet
    """

    mode: Mode = Mode.ENFORCE
    mode_change: ModeChange | None = None
    resumed_at: datetime | None = None
    defaults: Defaults = field(default_factory=Defaults)
    limits: Limits = field(default_factory=Limits)
    channels: Channels = Channels()
    project_budgets: Mapping[str, Decimal] = field(default_factory=dict)
    log_group: str | None = None
    version: int | None = None

    def require_not_paused(self, actions: str) -> None:
        """Refuse a request that gpudesk cannot carry out while it is paused.

        :param actions: the subject and the verb of the message, for example "Instances can be started"
        :raises Conflict: the mode is `paused`
        """
        if self.mode is Mode.PAUSED:
            message = f"gpudesk is paused. {actions} when {PAUSE_END}."
            raise Conflict(message, code=ErrorCode.DESK_PAUSED)
