"""/owners: what owners set for themselves."""

from typing_extensions import TypedDict

from chalicelib.api.common_schemas import EmptyModel
from chalicelib.api.forms.queries import OwnerQuery
from chalicelib.api.owners.schemas import UpdateOwnerBody
from chalicelib.api.routing import RequestContext, Router
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.owners import OwnerSettings

router = Router()


class ChannelsView(TypedDict):
    """Where somebody is told of warnings; null: not by that."""

    email: str | None
    webhook: str | None


class OwnerPolicyView(TypedDict):
    """What an owner's instances get that a request does not say; null: as the desk has it."""

    idle_minutes: int | None
    warning_minutes: int | None
    signals: list[str] | None
    thresholds: dict[str, int]


class OwnerView(TypedDict):
    """What is set for an owner."""

    owner: str
    idle_policy: OwnerPolicyView
    max_hours: int | None
    channels: ChannelsView


class OwnerChangedView(OwnerView):
    """`webhook_secret` where a webhook was set just now; it is shown this once."""

    webhook_secret: str | None


@router.route("GET", "/owners/{owner}", takes=EmptyModel, asks=OwnerQuery, gives=OwnerView)
def show_owner(call: RequestContext[EmptyModel, OwnerQuery]) -> OwnerView:
    """An owner's policy and channels: one's own, or anybody's for an admin."""
    return _owner(call.app.owners.get(call.actor, call.path_ref))


@router.route("PATCH", "/owners/{owner}", takes=UpdateOwnerBody, asks=OwnerQuery, gives=OwnerChangedView)
def update_owner(call: RequestContext[UpdateOwnerBody, OwnerQuery]) -> OwnerChangedView:
    """Change them, within what the admin allows; null is the desk's again."""
    notification = call.app.owners.update(call.actor, call.path_ref, call.body.model_dump(exclude_unset=True))
    return {**_owner(notification.settings), "webhook_secret": notification.webhook_secret}


def to_channels_view(channels: Channels) -> ChannelsView:
    """Channels, without anything that is secret."""
    return {"email": channels.email, "webhook": channels.webhook}


def _owner(settings: OwnerSettings) -> OwnerView:
    policy = settings.policy
    return {
        "owner": settings.owner,
        "idle_policy": {
            "idle_minutes": policy.idle_minutes,
            "warning_minutes": policy.warning_minutes,
            "signals": list(policy.signals) if policy.signals is not None else None,
            "thresholds": dict(policy.thresholds),
        },
        "max_hours": policy.max_hours,
        "channels": to_channels_view(settings.channels),
    }
