"""An instance: what was asked for, and what was last observed."""

from collections.abc import Iterable

from typing_extensions import TypedDict

from chalicelib.api.instances.activity_views import (
    ActivityView,
    KeepView,
    StopWarningView,
    to_activity_view,
    to_keep_view,
    to_warning_view,
)
from chalicelib.api.instances.setup_views import SetupView, to_setup_view
from chalicelib.api.views.policy import IdlePolicyView, to_policy_view
from chalicelib.api.views.values import (
    ReasonView,
    WriteWarningView,
    format_optional_timestamp,
    format_usd,
    to_reason_view,
)
from chalicelib.control.services.queries import InstanceSnapshot
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.heartbeat import Heartbeat, Report
from chalicelib.domain.instances.record import BenchmarkRun, ImageInProgress, Instance, ScheduledEvent
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.setup.state import AddedRecipe

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


class BenchmarkRunView(TypedDict):
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
    benchmark: BenchmarkRunView | None
    image_creation: ImageCreationView | None
    activity: ActivityView | None
    warning: StopWarningView | None
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


def to_instance_view(shown: InstanceSnapshot) -> InstanceView:
    """An instance as clients see it."""
    instance = shown.instance
    return {
        "id": instance.id,
        "name": instance.name,
        "owner": instance.owner,
        "desired": str(instance.spec.desired),
        "phase": str(instance.phase),
        "reason": to_reason_view(instance.reason),
        "spec": _spec(instance.spec),
        "status": _status(shown),
    }


def to_added_view(added: Iterable[AddedRecipe]) -> list[AddedRecipeView]:
    """Added recipes, with what was chosen for them."""
    return [{"recipe": added_recipe.recipe, "parameters": dict(added_recipe.parameters)} for added_recipe in added]


def _spec(spec: Spec) -> SpecView:
    return {
        "gpu": spec.hardware.gpu,
        "gpu_count": spec.hardware.gpu_count,
        "instance_type": spec.hardware.instance_type,
        "region": spec.region,
        "market": spec.market,
        "recipe": spec.software.recipe,
        "parameters": dict(spec.software.parameters),
        "added_recipes": to_added_view(spec.software.added_recipes),
        "image": spec.software.image.id if spec.software.image else None,
        "disk_gib": spec.disk_gib,
        "project": spec.project,
        "tags": dict(spec.tags),
        "idle_policy": to_policy_view(spec.policy.idle),
        "max_hours": spec.policy.max_hours,
    }


def _status(shown: InstanceSnapshot) -> StatusView:
    instance = shown.instance
    machine, attempt = instance.machine, instance.launch.attempt
    return {
        "instance_id": machine.instance_id if machine else None,
        "ec2_state": str(machine.state) if machine else None,
        "region": instance.spec.region,
        "zone": machine.zone if machine else attempt.zone if attempt else None,
        "instance_type": instance.spec.hardware.instance_type,
        "market": instance.spec.market,
        "price_per_hour": format_usd(instance.billing.rates.instance),
        "cost_so_far": format_usd(shown.cost_so_far),
        "setup": to_setup_view(instance.setup, shown.setup_progress),
        "benchmark": _measuring(instance.benchmark_run, shown.heartbeat) if instance.benchmark_run else None,
        "image_creation": _imaging(instance.image_in_progress, shown) if instance.image_in_progress else None,
        "activity": to_activity_view(shown.activity, shown) if shown.activity else None,
        "warning": to_warning_view(instance.warning) if instance.warning else None,
        "keep": _keep(instance, shown.heartbeat),
        "scheduled_event": _scheduled(instance.observed.scheduled_event) if instance.observed.scheduled_event else None,
        "lifetime_ends_at": format_optional_timestamp(instance.lifetime_ends_at),
        "phase_since": format_timestamp(instance.phase_since),
        "created_at": format_timestamp(instance.created_at),
        "created_by": instance.created_by,
    }


def _keep(instance: Instance, report: Report) -> KeepView | None:
    if instance.lifetime.keep_until is None:
        return None
    return to_keep_view(instance.lifetime.keep_until, instance.lifetime.keep_requested_by or "", report)


def _measuring(errand: BenchmarkRun, report: Report) -> BenchmarkRunView:
    submitted = report.setup if isinstance(report, Heartbeat) else None
    return {
        "id": errand.id,
        "state": "running" if errand.run and errand.run.command_id else "requested",
        "requested_at": format_timestamp(errand.requested_at),
        "requested_by": errand.requested_by,
        "started_at": format_optional_timestamp(errand.run.sent_at if errand.run else None),
        "last_output_line": submitted.last_output_line
        if submitted and submitted.document == errand.document.name
        else None,
    }


def _imaging(in_progress: ImageInProgress, shown: InstanceSnapshot) -> ImageCreationView:
    image = shown.image
    return {
        "image_id": in_progress.id,
        "started_at": format_timestamp(in_progress.started_at),
        "phase": str(image.phase) if image else None,
        "secrets_removed": image.secrets_removed if image else None,
    }


def _scheduled(event: ScheduledEvent) -> ScheduledEventView:
    return {"code": event.code, "not_before": format_timestamp(event.not_before), "description": event.description}
