"""An instance: what was asked for, and what was last observed."""

from collections.abc import Iterable

from typing_extensions import TypedDict

from chalicelib.api.views.activity import ActivityView, KeepView, WarningView, activity_view, keep_view, warning_view
from chalicelib.api.views.policy import IdlePolicyView, policy_view
from chalicelib.api.views.setup import SetupView, setup_view
from chalicelib.api.views.values import ReasonView, dollars, moment, moment_or_none, reason_view
from chalicelib.control.requests.reading import Shown
from chalicelib.domain.activity.heartbeat import Heartbeat, Report
from chalicelib.domain.instance import AddedRecipe, Errand, ScheduledEvent, Spec

ParameterView = str | int | bool


class AddedRecipeView(TypedDict):
    """A recipe that was asked for once the instance was ready."""

    recipe: str
    parameters: dict[str, ParameterView]


class SpecView(TypedDict):
    """What was asked for, complete."""

    gpu: str | None
    gpu_count: int
    instance_type: str
    region: str
    market: str
    recipe: str
    parameters: dict[str, ParameterView]
    added_recipes: list[AddedRecipeView]
    image: str | None
    disk_gib: int
    project: str | None
    tags: dict[str, str]
    idle_policy: IdlePolicyView
    max_hours: int


class ScheduledView(TypedDict):
    """What AWS is going to do to the machine of its own accord."""

    code: str
    not_before: str
    description: str


class MeasuringView(TypedDict):
    """A measurement on its way: `requested`, then `running`; `line` is what it said last."""

    id: str
    state: str
    requested_at: str
    requested_by: str
    started_at: str | None
    line: str | None


class ImagingView(TypedDict):
    """The image that is being made of it; GET /images/{id} says the rest.

    `sealed`: its ssh host keys and Jupyter's token are off its disk, so that such sessions are refused. `phase` and
    `sealed` are null in the answer to a write.
    """

    id: str
    since: str | None
    phase: str | None
    sealed: bool | None


class StatusView(TypedDict):
    """What was last observed. `price_per_hour` is the instance type's; disk and address are in `cost_so_far`."""

    instance_id: str | None
    ec2_state: str | None
    region: str
    zone: str | None
    instance_type: str
    market: str
    price_per_hour: str
    cost_so_far: str
    setup: SetupView | None
    benchmark: MeasuringView | None
    imaging: ImagingView | None
    activity: ActivityView | None
    warning: WarningView | None
    keep: KeepView | None
    keep_until: str | None
    scheduled: ScheduledView | None
    ends_at: str | None
    phase_since: str
    created_at: str
    created_by: str


class InstanceView(TypedDict):
    """One machine of the desk."""

    id: str
    name: str
    owner: str
    desired: str
    phase: str
    reason: ReasonView
    spec: SpecView
    status: StatusView


class LaunchedView(InstanceView):
    """The instance that is on its way; `notice`: what to know, such as that it is that of an earlier request."""

    notice: str | None


class AskedView(InstanceView):
    """The instance that something was asked of; `notice`: what to know, such as that it waits: the desk is on hold."""

    notice: str | None


def instance_view(shown: Shown) -> InstanceView:
    """An instance as clients see it."""
    instance = shown.instance
    return {
        "id": instance.id,
        "name": instance.name,
        "owner": instance.owner,
        "desired": str(instance.spec.desired),
        "phase": str(instance.phase),
        "reason": reason_view(instance.reason),
        "spec": _spec(instance.spec),
        "status": _status(shown),
    }


def added_view(added: Iterable[AddedRecipe]) -> list[AddedRecipeView]:
    """Added recipes, with what was chosen for them."""
    return [{"recipe": each.recipe, "parameters": dict(each.parameters)} for each in added]


def _spec(spec: Spec) -> SpecView:
    return {
        "gpu": spec.gpu,
        "gpu_count": spec.gpu_count,
        "instance_type": spec.instance_type,
        "region": spec.region,
        "market": spec.market,
        "recipe": spec.recipe,
        "parameters": dict(spec.parameters),
        "added_recipes": added_view(spec.added),
        "image": spec.image.id if spec.image else None,
        "disk_gib": spec.disk_gib,
        "project": spec.project,
        "tags": dict(spec.tags),
        "idle_policy": policy_view(spec.idle_policy),
        "max_hours": spec.max_hours,
    }


def _status(shown: Shown) -> StatusView:
    instance = shown.instance
    machine, attempt = instance.machine, instance.attempt
    return {
        "instance_id": machine.instance_id if machine else None,
        "ec2_state": str(machine.state) if machine else None,
        "region": instance.spec.region,
        "zone": machine.zone if machine else attempt.zone if attempt else None,
        "instance_type": instance.spec.instance_type,
        "market": instance.spec.market,
        "price_per_hour": dollars(instance.rates.instance),
        "cost_so_far": dollars(shown.cost_so_far),
        "setup": setup_view(instance.setup, shown.setup_now),
        "benchmark": _measuring(instance.errand, shown.report) if instance.errand else None,
        "imaging": _imaging(instance.imaging, shown) if instance.imaging else None,
        "activity": activity_view(shown.activity, shown) if shown.activity else None,
        "warning": warning_view(instance.warned) if instance.warned else None,
        "keep": keep_view(instance.keep_until, shown.report) if instance.keep_until else None,
        "keep_until": moment_or_none(instance.keep_until),
        "scheduled": _scheduled(instance.scheduled) if instance.scheduled else None,
        "ends_at": moment_or_none(instance.ends_at),
        "phase_since": moment(instance.phase_since),
        "created_at": moment(instance.created_at),
        "created_by": instance.created_by,
    }


def _measuring(errand: Errand, report: Report) -> MeasuringView:
    said = report.setup if isinstance(report, Heartbeat) else None
    return {
        "id": errand.id,
        "state": "running" if errand.run and errand.run.command_id else "requested",
        "requested_at": moment(errand.asked_at),
        "requested_by": errand.asked_by,
        "started_at": moment_or_none(errand.run.sent_at if errand.run else None),
        "line": said.line if said and said.document == errand.document.name else None,
    }


def _imaging(image_id: str, shown: Shown) -> ImagingView:
    image = shown.image
    return {
        "id": image_id,
        "since": moment_or_none(shown.instance.imaging_since),
        "phase": str(image.phase) if image else None,
        "sealed": image.is_sealed if image else None,
    }


def _scheduled(event: ScheduledEvent) -> ScheduledView:
    return {"code": event.code, "not_before": moment(event.not_before), "description": event.description}
