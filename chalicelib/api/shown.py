"""How things look from outside. What is not known is null; times are UTC, money is USD as decimal strings."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Generic, TypeVar

from typing_extensions import TypedDict

from chalicelib.control.requests.reading import Shown
from chalicelib.domain.activity.evidence import Evidence
from chalicelib.domain.activity.heartbeat import Heartbeat, Report
from chalicelib.domain.activity.idle import Judgement
from chalicelib.domain.activity.policy import SIGNALS, IdlePolicy, Thresholds
from chalicelib.domain.instance import Errand, ScheduledEvent, Setup, Spec
from chalicelib.domain.reason import Reason
from chalicelib.domain.setup_progress import SetupNow, StepNow
from chalicelib.domain.setup_results import DocumentResult, Failure, StepResult
from chalicelib.domain.warned import Warned

T = TypeVar("T")

ParameterView = str | int | bool


class Page(TypedDict, Generic[T]):
    """Some of a list; `next_cursor` is where it goes on, null at its end."""

    items: list[T]
    next_cursor: str | None


class ReasonView(TypedDict):
    """Why: a code for programs, a sentence for people."""

    code: str
    sentence: str


class ThresholdsView(TypedDict):
    """From where on a figure is work: of any GPU, of one core over all cores, of any disk, of any interface."""

    gpu_percent: int
    cpu_core_percent: int
    disk_kib_per_second: int
    network_kib_per_second: int


class IdlePolicyView(TypedDict):
    """After `idle_minutes` in which none of `signals` was active a warning, `warning_minutes` later the stop."""

    idle_minutes: int
    warning_minutes: int
    signals: list[str]
    thresholds: ThresholdsView


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


class StepResultView(TypedDict):
    """What became of a step, in SSM's words; `was_done`: it had been done before, so nothing was to be done."""

    name: str
    status: str
    exit_code: int
    took_seconds: int | None
    was_done: bool


class ResultView(TypedDict):
    """What became of a document."""

    document: str
    succeeded: bool
    started_at: str
    ended_at: str
    took_seconds: int
    steps: list[StepResultView]
    reboots: int
    output_bytes: int


class StepNowView(TypedDict):
    """The step that runs, as its machine last told: its place among the document's, what it said last.

    `remaining_seconds` is by what it took before on this type; null where nobody knows.
    """

    name: str
    position: str
    line: str
    started_at: str
    running_seconds: int
    remaining_seconds: int | None
    reported_at: str


class FailureView(TypedDict):
    """Why a document failed: where, the lines that matter, and what to do."""

    document: str
    step: str | None
    exit_code: int | None
    lines: list[str]
    what_to_do: str
    at: str


class SetupView(TypedDict):
    """How far `recipe` has come: `document` is next or running, `tries` is how often it has failed.

    `results` has the documents of the setups before it, too.
    """

    recipe: str
    document: str | None
    position: str
    tries: int
    step: StepNowView | None
    remaining_seconds: int | None
    failure: FailureView | None
    results: list[ResultView]


class SignalView(TypedDict):
    """One signal as its machine last reported it; `counted` says whether it decides anything."""

    name: str
    state: str
    since: str
    reason: str
    counted: bool


class MissedView(TypedDict):
    """Heartbeats that did not get through before the last one did."""

    count: int
    since: str
    why: str


class ActivityView(TypedDict):
    """Whether it is in use: busy, quiet, idle or unknown, and why."""

    verdict: str
    sentence: str
    quiet_since: str | None
    reported_at: str | None
    signals: list[SignalView]
    missed: MissedView | None


class KeepView(TypedDict):
    """A lease. While its machine has not heard of it, the machine would stop itself in spite of it if the desk went."""

    until: str
    heard_by_machine: bool


class ScheduledView(TypedDict):
    """What AWS is going to do to the machine of its own accord."""

    code: str
    not_before: str
    description: str


class DeliveredView(TypedDict):
    """A channel that has taken the warning."""

    channel: str
    at: str


class WarningView(TypedDict):
    """A warning that stands; what it warns of does not come before `acts_at`."""

    kind: str
    sentence: str
    at: str
    acts_at: str
    waits_until: str
    delivered: list[DeliveredView]


class MeasuringView(TypedDict):
    """A measurement on its way: `requested`, then `running`; `line` is what it said last."""

    id: str
    state: str
    requested_at: str
    requested_by: str
    started_at: str | None
    line: str | None


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


def reason_view(reason: Reason) -> ReasonView:
    """A reason."""
    return {"code": reason.code, "sentence": reason.sentence}


def moment(at: datetime) -> str:
    """ISO 8601, UTC, to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_or_none(at: datetime | None) -> str | None:
    """The same of what may not be known."""
    return moment(at) if at else None


def seconds_or_none(took: timedelta | None) -> int | None:
    """Whole seconds."""
    return round(took.total_seconds()) if took is not None else None


def dollars(amount: Decimal) -> str:
    """Without an exponent, however small."""
    return format(amount, "f")


def policy_view(policy: IdlePolicy) -> IdlePolicyView:
    """A policy, complete."""
    return {
        "idle_minutes": policy.idle_minutes,
        "warning_minutes": policy.warning_minutes,
        "signals": list(policy.signals),
        "thresholds": thresholds_view(policy.thresholds),
    }


def thresholds_view(thresholds: Thresholds) -> ThresholdsView:
    """Thresholds, with their units in the names."""
    return {
        "gpu_percent": thresholds.gpu_percent,
        "cpu_core_percent": thresholds.cpu_core_percent,
        "disk_kib_per_second": thresholds.disk_kib_per_second,
        "network_kib_per_second": thresholds.network_kib_per_second,
    }


def _spec(spec: Spec) -> SpecView:
    return {
        "gpu": spec.gpu,
        "gpu_count": spec.gpu_count,
        "instance_type": spec.instance_type,
        "region": spec.region,
        "market": spec.market,
        "recipe": spec.recipe,
        "parameters": dict(spec.parameters),
        "added_recipes": [{"recipe": each.recipe, "parameters": dict(each.parameters)} for each in spec.added],
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
        "setup": _setup(instance.setup, instance.spec, shown.setup_now),
        "benchmark": _measuring(instance.errand, shown.report) if instance.errand else None,
        "activity": _activity(shown.activity, shown) if shown.activity else None,
        "warning": _warning(instance.warned) if instance.warned else None,
        "keep": _keep(instance.keep_until, shown.report) if instance.keep_until else None,
        "keep_until": moment_or_none(instance.keep_until),
        "scheduled": _scheduled(instance.scheduled) if instance.scheduled else None,
        "ends_at": moment_or_none(instance.ends_at),
        "phase_since": moment(instance.phase_since),
        "created_at": moment(instance.created_at),
        "created_by": instance.created_by,
    }


def _setup(setup: Setup, spec: Spec, going: SetupNow | None) -> SetupView | None:
    count = len(setup.documents)
    if not count:
        return None
    return {
        "recipe": setup.recipe or spec.recipe,
        "document": None if setup.is_done else setup.documents[setup.index].name,
        "position": f"{min(setup.index + 1, count)} of {count}",
        "tries": setup.tries,
        "step": _step_now(going.step) if going and going.step else None,
        "remaining_seconds": seconds_or_none(going.remaining) if going else None,
        "failure": _failure(setup.failure) if setup.failure else None,
        "results": [_result(result) for result in setup.results],
    }


def _step_now(step: StepNow) -> StepNowView:
    return {
        "name": step.name,
        "position": step.position,
        "line": step.line,
        "started_at": moment(step.started_at),
        "running_seconds": round(step.running_for.total_seconds()),
        "remaining_seconds": seconds_or_none(step.remaining),
        "reported_at": moment(step.reported_at),
    }


def _failure(failure: Failure) -> FailureView:
    return {
        "document": failure.document,
        "step": failure.step,
        "exit_code": failure.exit_code,
        "lines": list(failure.lines),
        "what_to_do": failure.what_to_do,
        "at": moment(failure.at),
    }


def _result(result: DocumentResult) -> ResultView:
    return {
        "document": result.name,
        "succeeded": result.succeeded,
        "started_at": moment(result.started_at),
        "ended_at": moment(result.ended_at),
        "took_seconds": round(result.took.total_seconds()),
        "steps": [_step_result(step) for step in result.steps],
        "reboots": result.reboots,
        "output_bytes": result.output_bytes,
    }


def _step_result(step: StepResult) -> StepResultView:
    return {
        "name": step.name,
        "status": step.status,
        "exit_code": step.exit_code,
        "took_seconds": seconds_or_none(step.took),
        "was_done": step.was_done,
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


def _activity(activity: Judgement, shown: Shown) -> ActivityView:
    spec, report = shown.instance.spec, shown.report
    counted = spec.idle_policy.counted(has_gpu=spec.nvidia_gpu_count > 0)
    beat = report if isinstance(report, Heartbeat) else None
    return {
        "verdict": str(activity.verdict),
        "sentence": activity.reason.sentence,
        "quiet_since": moment_or_none(activity.quiet_since),
        "reported_at": moment(beat.at) if beat else None,
        "signals": [_signal(name, beat.signals[name], counted) for name in SIGNALS if name in beat.signals]
        if beat
        else [],
        "missed": {"count": beat.missed.count, "since": moment(beat.missed.since), "why": beat.missed.why}
        if beat and beat.missed
        else None,
    }


def _signal(name: str, evidence: Evidence, counted: frozenset[str]) -> SignalView:
    return {
        "name": name,
        "state": str(evidence.state.value),
        "since": moment(evidence.since),
        "reason": evidence.reason,
        "counted": name in counted,
    }


def _keep(until: datetime, report: Report) -> KeepView:
    heard = report.heard.keep_until if isinstance(report, Heartbeat) else None
    return {"until": moment(until), "heard_by_machine": heard is not None and heard >= until}


def _scheduled(event: ScheduledEvent) -> ScheduledView:
    return {"code": event.code, "not_before": moment(event.not_before), "description": event.description}


def _warning(warned: Warned) -> WarningView:
    return {
        "kind": str(warned.kind),
        "sentence": warned.sentence,
        "at": moment(warned.at),
        "acts_at": moment(warned.acts_at),
        "waits_until": moment(warned.waits_until),
        "delivered": [{"channel": each.channel, "at": moment(each.at)} for each in warned.delivered],
    }
