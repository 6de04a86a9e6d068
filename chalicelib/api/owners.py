"""/owners: what owners set for themselves."""

from typing_extensions import TypedDict

from chalicelib.api.forms.base import Nothing
from chalicelib.api.forms.owners import OwnerForm
from chalicelib.api.forms.queries import Asking
from chalicelib.api.routes import Call, Routes
from chalicelib.domain.channels import Channels
from chalicelib.domain.owners import OwnerSettings

routes = Routes()


class ChannelsView(TypedDict):
    """Where somebody is told of warnings; null: not by that."""

    email: str | None
    webhook: str | None


class OwnPolicyView(TypedDict):
    """What an owner's instances get that a request does not say; null: as the desk has it."""

    idle_minutes: int | None
    warning_minutes: int | None
    signals: list[str] | None
    thresholds: dict[str, int]


class OwnerView(TypedDict):
    """What is set for an owner."""

    owner: str
    idle_policy: OwnPolicyView
    max_hours: int | None
    channels: ChannelsView


class OwnerChangedView(OwnerView):
    """`webhook_secret` where a webhook was set just now; it is shown this once."""

    webhook_secret: str | None


@routes.add("GET", "/owners/{owner}", takes=Nothing, asks=Asking, gives=OwnerView)
def show_owner(call: Call[Nothing, Asking]) -> OwnerView:
    """An owner's policy and channels: one's own, or anybody's for an admin."""
    return _owner(call.desk.requests.owners.settings(call.actor, call.ref))


@routes.add("PATCH", "/owners/{owner}", takes=OwnerForm, asks=Asking, gives=OwnerChangedView)
def change_owner(call: Call[OwnerForm, Asking]) -> OwnerChangedView:
    """Change them, within what the admin allows; null is the desk's again."""
    told = call.desk.requests.owners.change(call.actor, call.ref, call.body.model_dump(exclude_unset=True))
    return {**_owner(told.settings), "webhook_secret": told.webhook_secret}


def channels_view(channels: Channels) -> ChannelsView:
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
        "channels": channels_view(settings.channels),
    }
