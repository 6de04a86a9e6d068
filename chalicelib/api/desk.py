"""The desk itself: what it offers, who is asking, what was spent, and how it is set."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from typing_extensions import TypedDict

from chalicelib.api.forms.base import Nothing
from chalicelib.api.forms.desk import DeskForm
from chalicelib.api.forms.queries import Asking, CostListing, Listing
from chalicelib.api.owners import ChannelsView, channels_view
from chalicelib.api.pages import page_of
from chalicelib.api.routes import Call, Desk, Routes
from chalicelib.api.views.policy import IdlePolicyView, ThresholdsView, policy_view, thresholds_view
from chalicelib.api.views.values import Page, dollars, moment, moment_or_none
from chalicelib.domain.actors import Actor, Role
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.cost import DayCost, money
from chalicelib.domain.desk import DeskSettings, Mode
from chalicelib.domain.fits import Capability, gpus_that_fit
from chalicelib.domain.recipes import Recipe

routes = Routes()

COST_DAYS = timedelta(days=30)


class HealthView(TypedDict):
    """`ok` or `sweep_overdue`; the desk's own time, and when it last looked at everything."""

    status: str
    now: str
    last_sweep_at: str | None


@routes.open("/healthz", gives=HealthView, status_of=lambda view: 200 if view["status"] == "ok" else 503)
def show_health(desk: Desk) -> HealthView:
    """Whether the desk is alive: 503 and `sweep_overdue` where nothing was looked at for ten minutes."""
    health = desk.requests.reading.health()
    return {
        "status": str(EventCode.SWEEP_OVERDUE) if health.is_overdue else "ok",
        "now": moment(health.now),
        "last_sweep_at": moment_or_none(health.last_sweep_at),
    }


class TokenView(TypedDict):
    """The token that was sent; not the token itself."""

    id: str
    expires_at: str


class MeView(TypedDict):
    """Who is asking: `acts_for` is whose instances it is about."""

    owner: str
    role: str
    acts_for: str
    token: TokenView


@routes.add("GET", "/me", takes=Nothing, asks=Asking, gives=MeView)
def show_me(call: Call[Nothing, Asking]) -> MeView:
    """Who the desk takes you for."""
    return {
        "owner": call.caller.owner,
        "role": str(call.caller.role),
        "acts_for": call.actor.acts_for,
        "token": {"id": call.caller.token_id, "expires_at": moment(call.caller.expires_at)},
    }


class ParameterOfRecipeView(TypedDict):
    """What can be chosen: `pattern_in_words` ends the sentence "must be ..."."""

    name: str
    type: str
    default: str | int | bool
    allowed_pattern: str
    pattern_in_words: str
    description: str


class CapabilityView(TypedDict):
    """Bounds of CUDA's compute capability; null: none on that side."""

    at_least: str | None
    at_most: str | None
    because: str | None


class CapabilitiesView(CapabilityView):
    """`by_architecture`: in their place on machines of that architecture."""

    by_architecture: dict[str, CapabilityView]


class FitsView(TypedDict):
    """Where it can be used; on a type without a GPU its GPU steps are skipped, or it cannot be used at all (`cpu`).

    `gpus`: those of the catalogue that it fits, in whatever region.
    """

    architectures: list[str]
    ubuntu: list[str]
    compute_capability: CapabilitiesView | None
    cpu: bool
    gpus: list[str]


class RecipeView(TypedDict):
    """What makes a bare image a place to work.

    `image`: by architecture, the public parameter of the image that it needs; null: the instance type's own.
    `builds_on`: the recipe that a team's own one begins with.
    """

    name: str
    title: str
    description: str
    documents: list[str]
    jupyter: bool
    parameters: list[ParameterOfRecipeView]
    fits: FitsView
    image: dict[str, str] | None
    builds_on: str | None


@routes.add("GET", "/recipes", takes=Nothing, asks=Listing, gives=Page[RecipeView])
def list_recipes(call: Call[Nothing, Listing]) -> Page[RecipeView]:
    """The recipes that a request can name."""
    offer = call.desk.requests.administration
    views = [_recipe(each, offer.catalogue) for each in offer.recipes.values()]
    return page_of(views, call.query, lambda view: view["name"])


def _recipe(recipe: Recipe, catalogue: Catalogue) -> RecipeView:
    return {
        "name": recipe.name,
        "title": recipe.title,
        "description": recipe.description,
        "documents": [document.name for document in recipe.documents],
        "jupyter": recipe.jupyter_port is not None,
        "parameters": [
            {
                "name": each.name,
                "type": str(each.type),
                "default": each.default,
                "allowed_pattern": each.allowed_pattern,
                "pattern_in_words": each.pattern_in_words,
                "description": each.description,
            }
            for each in recipe.parameters.values()
        ],
        "fits": {
            "architectures": list(recipe.fits.architectures),
            "ubuntu": list(recipe.fits.ubuntu),
            "compute_capability": _capabilities(recipe.fits.capability),
            "cpu": recipe.fits.cpu,
            "gpus": gpus_that_fit(recipe.fits, recipe.image_of, catalogue),
        },
        "image": dict(recipe.image) if recipe.image is not None else None,
        "builds_on": recipe.builds_on,
    }


def _capabilities(capability: Capability | None) -> CapabilitiesView | None:
    if capability is None:
        return None
    there = {architecture: _capability(each) for architecture, each in capability.by_architecture.items()}
    return {**_capability(capability), "by_architecture": there}


def _capability(capability: Capability) -> CapabilityView:
    return {"at_least": capability.at_least, "at_most": capability.at_most, "because": capability.because}


class DayCostView(TypedDict):
    """What one owner's instances cost on one UTC day."""

    owner: str
    day: str
    instances: str
    disks: str
    addresses: str
    total: str


class CostsView(Page[DayCostView]):
    """Costs per owner and day; `total` is of all days that were asked for, on whatever page."""

    since: str
    until: str
    total: str


@routes.add("GET", "/costs", takes=Nothing, asks=CostListing, gives=CostsView)
def list_costs(call: Call[Nothing, CostListing]) -> CostsView:
    """What was spent, what runs now included; the last 30 days unless the query says otherwise."""
    query = call.query
    until = query.until or call.desk.clock.now().date()
    since = query.since or until - COST_DAYS
    costs = call.desk.requests.reading.costs(call.actor, owner=query.owner, since=since, until=until)
    page = page_of(costs, query, lambda cost: f"{cost.day}/{cost.owner}")
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "total": dollars(money(sum((cost.total for cost in costs), Decimal(0)))),
        "items": [_day_cost(cost) for cost in page["items"]],
        "next_cursor": page["next_cursor"],
    }


class DefaultsView(TypedDict):
    """What a request gets that does not say."""

    region: str
    recipe: str
    disk_gib: int
    idle_policy: IdlePolicyView
    max_hours: int


class CeilingsView(TypedDict):
    """What nobody may exceed; no regions means all that the catalogue has."""

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
    lowest_thresholds: ThresholdsView


class DeskView(TypedDict):
    """`act`; `tell`: only tells what it would do of itself; `hold`: changes nothing and launches nothing.

    The admins' channels are for admins to see. `logs_group`: the group of CloudWatch Logs that gets all that documents
    say; null: none does.
    """

    mode: str
    defaults: DefaultsView
    ceilings: CeilingsView
    channels: ChannelsView | None
    logs_group: str | None


class DeskChangedView(DeskView):
    """`webhook_secret` where a webhook was set just now; it is shown this once."""

    webhook_secret: str | None


@routes.add("GET", "/desk", takes=Nothing, asks=Asking, gives=DeskView)
def show_desk(call: Call[Nothing, Asking]) -> DeskView:
    """The desk's mode, defaults and ceilings."""
    return _desk(call.desk.requests.administration.settings(), call.actor)


@routes.add("PATCH", "/desk", takes=DeskForm, asks=Asking, gives=DeskChangedView)
def change_desk(call: Call[DeskForm, Asking]) -> DeskChangedView:
    """Change them; an admin's."""
    given = call.body.model_dump(exclude_unset=True)
    ceilings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.get("ceilings", {}).items()
    }
    mode = Mode(given["mode"]) if "mode" in given else None
    logs = {"logs_group": given["logs_group"]} if "logs_group" in given else {}
    changed = call.desk.requests.administration.change_settings(
        call.actor,
        mode=mode,
        defaults=given.get("defaults"),
        ceilings=ceilings,
        channels=given.get("channels"),
        logs=logs,
    )
    return {**_desk(changed.settings, call.actor), "webhook_secret": changed.webhook_secret}


def _day_cost(cost: DayCost) -> DayCostView:
    return {
        "owner": cost.owner,
        "day": cost.day.isoformat(),
        "instances": dollars(cost.instances),
        "disks": dollars(cost.disks),
        "addresses": dollars(cost.addresses),
        "total": dollars(cost.total),
    }


def _desk(settings: DeskSettings, actor: Actor) -> DeskView:
    defaults, ceilings = settings.defaults, settings.ceilings
    return {
        "mode": str(settings.mode),
        "defaults": {
            "region": defaults.region,
            "recipe": defaults.recipe,
            "disk_gib": defaults.disk_gib,
            "idle_policy": policy_view(defaults.idle_policy),
            "max_hours": defaults.max_hours,
        },
        "ceilings": {
            "idle_minutes": ceilings.idle_minutes,
            "warning_minutes": ceilings.warning_minutes,
            "max_hours": ceilings.max_hours,
            "keep_hours": ceilings.keep_hours,
            "disk_gib": ceilings.disk_gib,
            "gpu_count": ceilings.gpu_count,
            "instances_per_owner": ceilings.instances_per_owner,
            "required_tags": list(ceilings.required_tags),
            "regions": list(ceilings.regions),
            "signals": list(ceilings.signals),
            "lowest_thresholds": thresholds_view(ceilings.lowest_thresholds),
        },
        "channels": channels_view(settings.channels) if actor.role is Role.ADMIN else None,
        "logs_group": settings.logs_group,
    }
