"""Views of /desk: mode, defaults, limits, channels."""

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import EmailStateText, ModeText
from chalicelib.api.common_views import WriteWarningView, format_decimal
from chalicelib.api.desk.mode_views import ModeChangeView, to_mode_change_view
from chalicelib.api.owners.schemas import ChannelsView, to_channels_view
from chalicelib.api.policy_schemas import IdlePolicyView, ThresholdsView, to_policy_view, to_thresholds_view
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.notifications.email_subscription import EmailState


class DefaultsView(TypedDict):
    """The values that apply to fields that a request leaves out."""

    region: str
    recipe: str
    disk_gib: int | None
    idle_policy: IdlePolicyView
    max_hours: int


class LimitsView(TypedDict):
    """The limits that nobody may exceed; an empty `regions` allows every region in which gpudesk is set up."""

    idle_minutes: int
    warning_minutes: int
    max_hours: int
    keep_hours: int
    disk_gib: int
    gpu_count: int
    instances_per_owner: int
    required_tags: list[str]
    regions: list[str]
    signals: list[str]
    min_thresholds: ThresholdsView


class DeskView(ModeChangeView):
    """The desk settings.

    `mode`: in `enforce` gpudesk stops instances by their policy; in `dry_run` it only records what it would do on its
    own; in `paused` it changes and launches nothing. `channels`: the addresses for notifications to the admins, and
    `email_state` as in GET /owners/{owner}; both are null for callers who are not admins. `log_group`: the CloudWatch
    Logs group that receives the whole output of the setup documents; null: none. `project_budgets`: what the instances
    of a project may cost in a month in UTC; a project that is left out has no budget.
    """

    mode: ModeText
    defaults: DefaultsView
    limits: LimitsView
    channels: ChannelsView | None
    email_state: EmailStateText | None
    project_budgets: dict[str, str]
    log_group: str | None


class DeskChangedView(DeskView):
    """The updated settings. `webhook_secret`: the secret of a webhook that this request set. It is shown only once."""

    webhook_secret: str | None
    warnings: list[WriteWarningView]


def to_desk_view(settings: DeskSettings, email_state: EmailState | None, *, show_channels: bool) -> DeskView:
    """Return the view of the desk settings.

    :param show_channels: whether the caller may see the channels of the admins, and their state
    """
    defaults, limits = settings.defaults, settings.limits
    return {
        "mode": str(settings.mode),
        **to_mode_change_view(settings.mode_change),
        "defaults": {
            "region": defaults.region,
            "recipe": defaults.recipe,
            "disk_gib": defaults.disk_gib,
            "idle_policy": to_policy_view(defaults.idle_policy),
            "max_hours": defaults.max_hours,
        },
        "limits": {
            "idle_minutes": limits.idle_minutes,
            "warning_minutes": limits.warning_minutes,
            "max_hours": limits.max_hours,
            "keep_hours": limits.keep_hours,
            "disk_gib": limits.disk_gib,
            "gpu_count": limits.gpu_count,
            "instances_per_owner": limits.instances_per_owner,
            "required_tags": list(limits.required_tags),
            "regions": list(limits.regions),
            "signals": list(limits.signals),
            "min_thresholds": to_thresholds_view(limits.min_thresholds),
        },
        "channels": to_channels_view(settings.channels) if show_channels else None,
        "email_state": str(email_state) if show_channels and email_state else None,
        "project_budgets": {name: format_decimal(amount) for name, amount in settings.project_budgets.items()},
        "log_group": settings.log_group,
    }
