"""The desk itself: what it offers, who is asking, what was spent, and how it is set."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from typing_extensions import TypedDict

from chalicelib.api.common_schemas import EmptyModel
from chalicelib.api.desk.schemas import UpdateDeskBody
from chalicelib.api.forms.queries import CostListing, OwnerQuery, PageQuery
from chalicelib.api.owners.routes import ChannelsView, to_channels_view
from chalicelib.api.pagination import paginate, to_page_view
from chalicelib.api.routing import AppContext, RequestContext, Router
from chalicelib.api.views.policy import IdlePolicyView, ThresholdsView, to_policy_view, to_thresholds_view
from chalicelib.api.views.values import PageView, format_optional_timestamp, format_usd
from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.money import round_usd
from chalicelib.domain.common.pagination import list_name
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.costs.daily_costs import DayCost
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.requirements import ComputeCapabilityRange, compatible_gpus

router = Router()

COST_DAYS = timedelta(days=30)


class HealthView(TypedDict):
    """`ok` or `sweep_overdue`; the desk's own time, and when it last looked at everything."""

    status: str
    now: str
    last_sweep_at: str | None


@router.public_get("/healthz", gives=HealthView, status_of=lambda view: 200 if view["status"] == "ok" else 503)
def show_health(desk: AppContext) -> HealthView:
    """Whether the desk is alive: 503 and `sweep_overdue` where nothing was looked at for ten minutes."""
    health = desk.queries.health()
    return {
        "status": str(EventCode.SWEEP_OVERDUE) if health.is_overdue else "ok",
        "now": format_timestamp(health.now),
        "last_sweep_at": format_optional_timestamp(health.last_sweep_at),
    }


class TokenView(TypedDict):
    """The token that authenticated the request, without its secret."""

    id: str
    expires_at: str


class MeView(TypedDict):
    """The authenticated caller. `on_behalf_of`: the owner whose instances the request concerns."""

    owner: str
    role: str
    on_behalf_of: str
    token: TokenView


@router.route("GET", "/me", takes=EmptyModel, asks=OwnerQuery, gives=MeView)
def show_me(call: RequestContext[EmptyModel, OwnerQuery]) -> MeView:
    """Return the authenticated caller."""
    return {
        "owner": call.caller.owner,
        "role": str(call.caller.role),
        "on_behalf_of": call.actor.effective_owner,
        "token": {"id": call.caller.token_id, "expires_at": format_timestamp(call.caller.expires_at)},
    }


class RecipeParameterView(TypedDict):
    """A parameter of a recipe. `pattern_description`: the text that follows "must be" in an error."""

    name: str
    type: str
    default: str | int | bool
    allowed_pattern: str
    pattern_description: str
    description: str


class ComputeCapabilityView(TypedDict):
    """A range of CUDA compute capabilities; null: no limit. `reason`: what sets the range."""

    min: str | None
    max: str | None
    reason: str | None


class ComputeCapabilitiesView(ComputeCapabilityView):
    """A range of compute capabilities; `by_architecture` replaces it on instances of that architecture."""

    by_architecture: dict[str, ComputeCapabilityView]


class RequirementsView(TypedDict):
    """Where a recipe can be used.

    `supports_cpu`: whether it can be used on a type without a GPU; its GPU steps are skipped there.
    `compatible_gpus`: the GPUs of the catalog that meet the requirements, in any region.
    """

    architectures: list[str]
    ubuntu: list[str]
    compute_capability: ComputeCapabilitiesView | None
    supports_cpu: bool
    compatible_gpus: list[str]


class RecipeView(TypedDict):
    """A recipe: the SSM documents that set up an instance.

    `image`: the public SSM parameter of the required image, by architecture; null: the default of the instance type.
    `extends`: the base recipe of a custom recipe.
    """

    name: str
    title: str
    description: str
    documents: list[str]
    jupyter: bool
    parameters: list[RecipeParameterView]
    requirements: RequirementsView
    image: dict[str, str] | None
    extends: str | None


@router.route("GET", "/recipes", takes=EmptyModel, asks=PageQuery, gives=PageView[RecipeView])
def list_recipes(call: RequestContext[EmptyModel, PageQuery]) -> PageView[RecipeView]:
    """List the recipes that a request can name."""
    offer = call.app.desk
    page = paginate([*offer.recipes.values()], call.query, list_name("recipes"), lambda recipe: recipe.name)
    return to_page_view(page, lambda recipe: _recipe(recipe, offer.catalog))


def _recipe(recipe: Recipe, catalog: InstanceTypeCatalog) -> RecipeView:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "description": recipe.description,
        "documents": [document.name for document in recipe.documents],
        "jupyter": recipe.jupyter_port is not None,
        "parameters": [
            {
                "name": parameter.name,
                "type": str(parameter.type),
                "default": parameter.default,
                "allowed_pattern": parameter.allowed_pattern,
                "pattern_description": parameter.pattern_description,
                "description": parameter.description,
            }
            for parameter in recipe.parameters.values()
        ],
        "requirements": {
            "architectures": list(recipe.requirements.architectures),
            "ubuntu": list(recipe.requirements.ubuntu),
            "compute_capability": _capabilities(recipe.requirements.compute_capability),
            "supports_cpu": recipe.requirements.supports_cpu,
            "compatible_gpus": compatible_gpus(recipe.requirements, recipe.image_parameter_for, catalog),
        },
        "image": dict(recipe.image) if recipe.image is not None else None,
        "extends": recipe.extends,
    }


def _capabilities(capability: ComputeCapabilityRange | None) -> ComputeCapabilitiesView | None:
    if capability is None:
        return None
    there = {architecture: _capability(each) for architecture, each in capability.by_architecture.items()}
    return {**_capability(capability), "by_architecture": there}


def _capability(capability: ComputeCapabilityRange) -> ComputeCapabilityView:
    return {"min": capability.minimum, "max": capability.maximum, "reason": capability.reason}


class DayCostView(TypedDict):
    """What one owner's instances cost on one UTC day."""

    owner: str
    day: str
    instances: str
    disks: str
    addresses: str
    total: str


class CostsView(PageView[DayCostView]):
    """Costs per owner and day; `total` is of all days that were asked for, on whatever page."""

    since: str
    until: str
    total: str


@router.route("GET", "/costs", takes=EmptyModel, asks=CostListing, gives=CostsView)
def list_costs(call: RequestContext[EmptyModel, CostListing]) -> CostsView:
    """What was spent, what runs now included; the last 30 days unless the query says otherwise."""
    query = call.query
    until = query.until or call.app.clock.now().date()
    since = query.since or until - COST_DAYS
    costs = call.app.queries.costs(call.actor, owner=query.owner, since=since, until=until)
    name = list_name("costs", call.actor.list_scope(query.owner))
    page = paginate(costs, query, name, lambda cost: f"{cost.day}/{cost.owner}")
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "total": format_usd(round_usd(sum((cost.total for cost in costs), Decimal(0)))),
        "items": [_day_cost(cost) for cost in page.items],
        "next_cursor": page.next_cursor,
    }


class DefaultsView(TypedDict):
    """The values that apply to fields that a request leaves out."""

    region: str
    recipe: str
    disk_gib: int
    idle_policy: IdlePolicyView
    max_hours: int


class LimitsView(TypedDict):
    """The limits that nobody may exceed; an empty `regions` allows every region of the catalog."""

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


class DeskView(TypedDict):
    """The desk settings.

    `mode`: `enforce`; `dry_run`: gpudesk only records what it would do on its own; `paused`: nothing is changed or
    launched. `channels` are the admins' and null for everybody else. `log_group`: the CloudWatch Logs group that
    receives the whole output of the setup documents; null: none.
    """

    mode: str
    defaults: DefaultsView
    limits: LimitsView
    channels: ChannelsView | None
    log_group: str | None


class DeskChangedView(DeskView):
    """The updated settings. `webhook_secret`: of a webhook that was set by this request; it is shown only once."""

    webhook_secret: str | None


@router.route("GET", "/desk", takes=EmptyModel, asks=OwnerQuery, gives=DeskView)
def show_desk(call: RequestContext[EmptyModel, OwnerQuery]) -> DeskView:
    """Return the desk's mode, defaults and limits."""
    return _desk(call.app.desk.settings(), call.actor)


@router.route("PATCH", "/desk", takes=UpdateDeskBody, asks=OwnerQuery, gives=DeskChangedView)
def update_desk(call: RequestContext[UpdateDeskBody, OwnerQuery]) -> DeskChangedView:
    """Update the desk settings. Admins only."""
    given = call.body.model_dump(exclude_unset=True)
    limits: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.get("limits", {}).items()
    }
    mode = Mode(given["mode"]) if "mode" in given else None
    logs = {"log_group": given["log_group"]} if "log_group" in given else {}
    changed = call.app.desk.update(
        call.actor,
        mode=mode,
        defaults=given.get("defaults"),
        limits=limits,
        channels=given.get("channels"),
        logs=logs,
    )
    return {**_desk(changed.settings, call.actor), "webhook_secret": changed.webhook_secret}


def _day_cost(cost: DayCost) -> DayCostView:
    return {
        "owner": cost.owner,
        "day": cost.day.isoformat(),
        "instances": format_usd(cost.instances),
        "disks": format_usd(cost.disks),
        "addresses": format_usd(cost.addresses),
        "total": format_usd(cost.total),
    }


def _desk(settings: DeskSettings, actor: Actor) -> DeskView:
    defaults, limits = settings.defaults, settings.limits
    return {
        "mode": str(settings.mode),
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
        "channels": to_channels_view(settings.channels) if actor.role is Role.ADMIN else None,
        "log_group": settings.log_group,
    }
