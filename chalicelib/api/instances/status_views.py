"""Views of the observed state of an instance: cost, setup, activity, warning, keep, benchmark and image."""

from decimal import Decimal

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import BenchmarkStateText, Ec2StateText, ImagePhaseText, OfferMarketText
from chalicelib.api.common_views import format_decimal, format_optional_timestamp
from chalicelib.api.instances.activity_views import (
    ActivityView,
    KeepView,
    StopWarningView,
    to_activity_view,
    to_keep_view,
    to_warning_view,
)
from chalicelib.api.instances.launch_views import LaunchView, to_launch_view
from chalicelib.api.instances.move_status_views import MoveStatusView, to_move_status_view
from chalicelib.api.instances.setup_views import SetupView, to_setup_view
from chalicelib.api.instances.start_views import StartView, to_start_view
from chalicelib.control.services.queries import LiveState
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.ec2_instance import ScheduledEvent
from chalicelib.domain.instances.record import BenchmarkRun, ImageInProgress, Instance
from chalicelib.domain.instances.spot import Interruption


class ScheduledEventView(TypedDict):
    """An event that AWS has scheduled for the EC2 instance."""

    code: str
    not_before: str
    description: str


class BenchmarkRunView(TypedDict):
    """A benchmark in progress: `state` is requested, then running.

    `last_output_line`: the newest line of output that the instance reported.
    """

    id: str
    state: BenchmarkStateText
    requested_at: str
    requested_by: str
    started_at: str | None
    last_output_line: str | None


class ImageCreationView(TypedDict):
    """The image that is being created from the instance; GET /images/{image_id} shows more.

    `secrets_removed`: the ssh host keys and Jupyter's token are removed from the disk, so sessions that need them are
    refused. `phase` and `secrets_removed` are null in the answer to a write.
    """

    image_id: str
    started_at: str | None
    phase: ImagePhaseText | None
    secrets_removed: bool | None


class InterruptionView(TypedDict):
    """EC2 interrupts the spot instance, or has interrupted it since its last start.

    `action` and `interrupts_at`: what EC2 has announced; null: gpudesk saw no warning. `interrupted_at`: when gpudesk
    saw that EC2 had stopped it; null: EC2 has not. Only EC2 can start an interrupted instance.
    """

    action: str | None
    interrupts_at: str | None
    interrupted_at: str | None


class StatusView(TypedDict):
    """The observed state of the instance.

    `market`: of the EC2 instance, or of the next launch attempt. `price_per_hour`: the price of the instance type
    without disk and address; null: unknown. On spot it is the price in the zone; before gpudesk has chosen a zone, the
    lowest known one of the region; if it is unknown, the on-demand price, which is the most that EC2 charges.
    `cost_so_far` includes disk and address, and leaves out what gpudesk knows no price of. `warning`: the stop warning
    that applies now. `start`: a start in progress. `activity`: null in the answer to a write.
    `launch`: null if gpudesk did not launch the instance.
    """

    instance_id: str | None
    ec2_state: Ec2StateText | None
    region: str
    zone: str | None
    instance_type: str
    market: OfferMarketText
    price_per_hour: str | None
    on_demand_price_per_hour: str | None
    spot_instance_request_id: str | None
    interruption: InterruptionView | None
    cost_so_far: str
    start: StartView | None
    move: MoveStatusView | None
    launch: LaunchView | None
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


def to_status_view(instance: Instance, cost_so_far: Decimal, live: LiveState) -> StatusView:
    """Return the view of the observed state.

    :param cost_so_far: in US dollars
    """
    machine, attempt = instance.ec2_instance, instance.launch.attempt
    rates = instance.billing.rates
    on_demand = rates.instance if rates.on_demand is None else rates.on_demand
    return {
        "instance_id": machine.instance_id if machine else None,
        "ec2_state": str(machine.state) if machine else None,
        "region": instance.spec.region,
        "zone": machine.zone if machine else attempt.zone if attempt else None,
        "instance_type": instance.spec.hardware.instance_type,
        "market": instance.spec.market,
        "price_per_hour": _format_price(rates.instance),
        "on_demand_price_per_hour": _format_price(on_demand),
        "spot_instance_request_id": machine.spot_instance_request_id if machine else None,
        "interruption": _to_interruption_view(instance.observed.interruption),
        "cost_so_far": format_decimal(cost_so_far),
        "start": to_start_view(instance),
        "move": to_move_status_view(instance.move),
        "launch": to_launch_view(instance),
        "setup": to_setup_view(instance.setup, live.setup_progress),
        "benchmark": _to_benchmark_view(instance.benchmark_run, live.heartbeat),
        "image_creation": _to_image_creation_view(instance.image_in_progress, live.image),
        "activity": to_activity_view(live.activity, instance.spec, live.heartbeat) if live.activity else None,
        "warning": to_warning_view(instance.warning) if instance.warning else None,
        "keep": _to_keep_view(instance, live.heartbeat),
        "scheduled_event": _to_scheduled_event_view(instance.observed.scheduled_event),
        "lifetime_ends_at": format_optional_timestamp(instance.lifetime_ends_at),
        "phase_since": format_timestamp(instance.phase_since),
        "created_at": format_timestamp(instance.created_at),
        "created_by": instance.created_by,
    }


def _format_price(price: Decimal | None) -> str | None:
    return None if price is None else format_decimal(price)


def _to_interruption_view(interruption: Interruption | None) -> InterruptionView | None:
    if interruption is None:
        return None
    warning = interruption.warning
    return {
        "action": str(warning.action) if warning else None,
        "interrupts_at": format_optional_timestamp(warning.interrupts_at if warning else None),
        "interrupted_at": format_optional_timestamp(interruption.interrupted_at),
    }


def _to_keep_view(instance: Instance, report: DecodedHeartbeat) -> KeepView | None:
    if instance.lifetime.keep_until is None:
        return None
    return to_keep_view(instance.lifetime.keep_until, instance.lifetime.keep_requested_by or "", report)


def _to_benchmark_view(benchmark: BenchmarkRun | None, report: DecodedHeartbeat) -> BenchmarkRunView | None:
    if benchmark is None:
        return None
    progress = report.setup if isinstance(report, Heartbeat) else None
    is_reported = progress is not None and progress.document == benchmark.document.name
    return {
        "id": benchmark.id,
        "state": "running" if benchmark.run and benchmark.run.command_id else "requested",
        "requested_at": format_timestamp(benchmark.requested_at),
        "requested_by": benchmark.requested_by,
        "started_at": format_optional_timestamp(benchmark.run.sent_at if benchmark.run else None),
        "last_output_line": progress.last_output_line if progress and is_reported else None,
    }


def _to_image_creation_view(in_progress: ImageInProgress | None, image: Image | None) -> ImageCreationView | None:
    if in_progress is None:
        return None
    return {
        "image_id": in_progress.id,
        "started_at": format_timestamp(in_progress.started_at),
        "phase": str(image.phase) if image else None,
        "secrets_removed": image.secrets_removed if image else None,
    }


def _to_scheduled_event_view(event: ScheduledEvent | None) -> ScheduledEventView | None:
    if event is None:
        return None
    return {"code": event.code, "not_before": format_timestamp(event.not_before), "description": event.description}
