"""Bodies and views of /owners, and the notification channels that owners and the desk have."""

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from chalicelib.api.code_schemas import EmailStateText
from chalicelib.api.common_views import WriteWarningView, format_decimal
from chalicelib.api.policy_schemas import HookPath, IdlePolicyBody
from chalicelib.api.request_models import RejectNull, RequestModel, UsdText
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.hook_path import HOOK_DESCRIPTION
from chalicelib.domain.desk.settings import OwnerSettings
from chalicelib.domain.notifications.email_subscription import EmailState


class ChannelsBody(RequestModel):
    """The addresses for notifications. null removes a channel; fields that are left out stay as they are."""

    email: str | None = Field(
        None, max_length=254, description="an e-mail address such as ada@example.org, or null for none"
    )
    webhook: str | None = Field(
        None, max_length=500, description="a URL such as https://hooks.example.org/gpu, or null for none"
    )


class UpdateOwnerBody(RequestModel):
    """Changes of an owner's settings. Fields that are left out stay; null resets a field to the desk default."""

    idle_policy: IdlePolicyBody | None = Field(
        None, description='an object such as {"idle_minutes": 30}, or null for the desk default'
    )
    max_hours: int | None = Field(
        None,
        ge=1,
        le=8760,
        description="a whole number of hours from 1 to limits.max_hours of GET /desk, or null for the desk default",
    )
    before_stop_hook: HookPath | None = Field(
        None, description=f"{HOOK_DESCRIPTION}, or null for none; new instances have it"
    )
    channels: Annotated[ChannelsBody | None, RejectNull] = Field(
        None, description='an object such as {"email": "ada@example.org"}'
    )

    monthly_budget: UsdText | None = Field(
        None, description='US dollars per month as a text such as "500.00", or null for no budget'
    )

    @model_validator(mode="after")
    def _require_some_field(self) -> Self:
        if not self.model_fields_set:
            fields = "idle_policy, max_hours, before_stop_hook, channels, monthly_budget"
            raise PydanticCustomError("empty", f"must have at least one of {fields}")
        return self

    def to_changes(self) -> dict[str, Any]:
        """Return the fields to change."""
        changes = self.model_dump(exclude_unset=True)
        budget = changes.get("monthly_budget")
        return changes | ({"monthly_budget": Decimal(budget)} if budget is not None else {})


class ChannelsView(TypedDict):
    """The addresses for notifications; null: no notifications on this channel."""

    email: str | None
    webhook: str | None


class OwnerPolicyView(TypedDict):
    """An owner's defaults for the idle policy of new instances; null: the desk default applies."""

    idle_minutes: int | None
    warning_minutes: int | None
    signals: list[str] | None
    thresholds: dict[str, int]


class OwnerView(TypedDict):
    """The settings of an owner.

    `before_stop_hook`: the program that gpudesk runs before it stops an instance; null: none.
    `email_state`: pending until somebody follows the link in the mail of AWS Notifications; expired if nobody did for 2
    days; unsubscribed if somebody followed the link to unsubscribe. An expired or unsubscribed address gets no mails:
    set it again for another mail with a link. null: no address. `monthly_budget`: what the owner's instances may cost
    in a month in UTC; null: no budget. GET /costs shows how much of it is used.
    """

    owner: str
    idle_policy: OwnerPolicyView
    max_hours: int | None
    before_stop_hook: str | None
    channels: ChannelsView
    email_state: EmailStateText | None
    monthly_budget: str | None


class OwnerChangedView(OwnerView):
    """The updated settings. `webhook_secret`: the secret of a webhook that this request set. It is shown only once."""

    webhook_secret: str | None
    warnings: list[WriteWarningView]


def to_channels_view(channels: Channels) -> ChannelsView:
    """Return the view of channels, without their secrets."""
    return {"email": channels.email, "webhook": channels.webhook}


def to_owner_view(settings: OwnerSettings, email_state: EmailState | None) -> OwnerView:
    """Return the view of an owner's settings."""
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
        "before_stop_hook": policy.before_stop_hook,
        "channels": to_channels_view(settings.channels),
        "email_state": str(email_state) if email_state else None,
        "monthly_budget": None if settings.monthly_budget is None else format_decimal(settings.monthly_budget),
    }
