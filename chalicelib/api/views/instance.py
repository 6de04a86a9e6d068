"""An instance: what was asked for, and what was last observed."""

from collections.abc import Iterable

from typing_extensions import TypedDict

from chalicelib.api.views.activity import ActivityView, KeepView, WarningView, activity_view, keep_view, warning_view
from chalicelib.api.views.policy import IdlePolicyView, policy_view
from chalicelib.api.views.setup import SetupView, setup_view
from chalicelib.api.views.values import ReasonView, WriteWarningView, dollars, moment, moment_or_none, reason_view
from chalicelib.control.requests.reading import Shown
from chalicelib.domain.activity.heartbeat import Heartbeat, Report
from chalicelib.domain.instance import AddedRecipe, Errand, Instance, ScheduledEvent, Spec

ParameterView = str | int | bool


class AddedRecipeView(TypedDict):
    """A recipe that was added after the launch."""

    recipe: str
    parameters: dict[str, ParameterView]


class SpecView(TypedDict):
    """The complete specification of the instance."""

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


class ScheduledEventView(TypedDict):
    """An event that AWS has scheduled for the EC2 instance."""

    code: str
    not_before: str
    description: str


class MeasuringView(TypedDict):
    """A benchmark in progress: `state` is requested, then running. `last_output_line`: of its output, if known."""

    id: str
    state: str
    requested_at: str
    requested_by: str
    started_at: str | None
    last_output_line: str | None


class ImageCreationView(TypedDict):
    """The image that is being created from the instance; GET /images/{image_id} shows all of it.

    `secrets_removed`: the ssh host keys and Jupyter's token are removed from the disk, so sessions that need them are
    refused. `phase` and `secrets_removed` are null in the answer to a write.
    """

    image_id: str
    started_at: str | None
    phase: str | None
    secrets_removed: bool | None


class StatusView(TypedDict):
    """The observed state. `price_per_hour` is that of the instance type; `cost_so_far` includes disk and address."""

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
    image_creation: ImageCreationView | None
    activity: ActivityView | None
    warning: WarningView | None
    keep: KeepView | None
    scheduled_event: ScheduledEventView | None
    lifetime_ends_at: str | None
    phase_since: str
    created_at: str
    created_by: str


class InstanceView(TypedDict):
    """An instance."""

    id: str
    name: str
    owner: str
    desired: str
    phase: str
    reason: ReasonView
    spec: SpecView
    status: StatusView


class InstanceWithWarningsView(InstanceView):
    """The instance after a write, and what to know about the write."""

    warnings: list[WriteWarningView]


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
        "image_creation": _imaging(instance.imaging, shown) if instance.imaging else None,
        "activity": activity_view(shown.activity, shown) if shown.activity else None,
        "warning": warning_view(instance.warned) if instance.warned else None,
        "keep": _keep(instance, shown.report),
        "scheduled_event": _scheduled(instance.scheduled) if instance.scheduled else None,
        "lifetime_ends_at": moment_or_none(instance.ends_at),
        "phase_since": moment(instance.phase_since),
        "created_at": moment(instance.created_at),
        "created_by": instance.created_by,
    }


def _keep(instance: Instance, report: Report) -> KeepView | None:
    if instance.keep_until is None:
        return None
    return keep_view(instance.keep_until, instance.keep_requested_by or "", report)


def _measuring(errand: Errand, report: Report) -> MeasuringView:
    said = report.setup if isinstance(report, Heartbeat) else None
    return {
        "id": errand.id,
        "state": "running" if errand.run and errand.run.command_id else "requested",
        "requested_at": moment(errand.asked_at),
        "requested_by": errand.asked_by,
        "started_at": moment_or_none(errand.run.sent_at if errand.run else None),
        "last_output_line": said.line if said and said.document == errand.document.name else None,
    }


def _imaging(image_id: str, shown: Shown) -> ImageCreationView:
    image = shown.image
    return {
        "image_id": image_id,
        "started_at": moment_or_none(shown.instance.imaging_since),
        "phase": str(image.phase) if image else None,
        "secrets_removed": image.is_sealed if image else None,
    }


def _scheduled(event: ScheduledEvent) -> ScheduledEventView:
    return {"code": event.code, "not_before": moment(event.not_before), "description": event.description}
