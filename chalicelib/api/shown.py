"""How things look from outside. What is not known is null; times are UTC, money is USD as decimal strings."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Generic, TypeVar

from typing_extensions import TypedDict

from chalicelib.control.requests.reading import Shown
from chalicelib.domain.activity.idle import Judgement
from chalicelib.domain.instance import Instance, Setup, Spec
from chalicelib.domain.reason import Reason
from chalicelib.domain.warned import Warned

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """Some of a list; `next_cursor` is where it goes on, null at its end."""

    items: list[T]
    next_cursor: str | None


class ReasonView(TypedDict):
    """Why: a code for programs, a sentence for people."""

    code: str
    sentence: str


class IdlePolicyView(TypedDict):
    """After `idle_minutes` without activity a warning, `warning_minutes` later the stop."""

    idle_minutes: int
    warning_minutes: int


class SpecView(TypedDict):
    """What was asked for, complete."""

    gpu: str | None
    gpu_count: int
    instance_type: str
    region: str
    market: str
    recipe: str
    disk_gib: int
    project: str | None
    tags: dict[str, str]
    idle_policy: IdlePolicyView
    max_hours: int


class ResultView(TypedDict):
    """What became of a document."""

    document: str
    succeeded: bool
    started_at: str
    ended_at: str


class SetupView(TypedDict):
    """How far the recipe has come: `document` is next or running, `tries` is how often it has failed."""

    document: str | None
    position: str
    tries: int
    results: list[ResultView]


class ActivityView(TypedDict):
    """Whether it is in use: busy, quiet, idle or unknown, and why."""

    verdict: str
    sentence: str
    quiet_since: str | None


class WarningView(TypedDict):
    """A warning that stands; what it warns of does not come before `acts_at`."""

    kind: str
    sentence: str
    at: str
    acts_at: str


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
    activity: ActivityView | None
    warning: WarningView | None
    keep_until: str | None
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
    """The instance that is on its way; `notice` where it is that of an earlier request."""

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
        "status": _status(instance, shown.activity, shown.cost_so_far),
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


def dollars(amount: Decimal) -> str:
    """Without an exponent, however small."""
    return format(amount, "f")


def _spec(spec: Spec) -> SpecView:
    policy = spec.idle_policy
    return {
        "gpu": spec.gpu,
        "gpu_count": spec.gpu_count,
        "instance_type": spec.instance_type,
        "region": spec.region,
        "market": spec.market,
        "recipe": spec.recipe,
        "disk_gib": spec.disk_gib,
        "project": spec.project,
        "tags": dict(spec.tags),
        "idle_policy": {"idle_minutes": policy.idle_minutes, "warning_minutes": policy.warning_minutes},
        "max_hours": spec.max_hours,
    }


def _status(instance: Instance, activity: Judgement | None, cost_so_far: Decimal) -> StatusView:
    machine, attempt = instance.machine, instance.attempt
    return {
        "instance_id": machine.instance_id if machine else None,
        "ec2_state": str(machine.state) if machine else None,
        "region": instance.spec.region,
        "zone": machine.zone if machine else attempt.zone if attempt else None,
        "instance_type": instance.spec.instance_type,
        "market": instance.spec.market,
        "price_per_hour": dollars(instance.rates.instance),
        "cost_so_far": dollars(cost_so_far),
        "setup": _setup(instance.setup),
        "activity": _activity(activity) if activity else None,
        "warning": _warning(instance.warned) if instance.warned else None,
        "keep_until": moment_or_none(instance.keep_until),
        "ends_at": moment_or_none(instance.ends_at),
        "phase_since": moment(instance.phase_since),
        "created_at": moment(instance.created_at),
        "created_by": instance.created_by,
    }


def _setup(setup: Setup) -> SetupView | None:
    count = len(setup.documents)
    if not count:
        return None
    return {
        "document": None if setup.is_done else setup.documents[setup.index].name,
        "position": f"{min(setup.index + 1, count)} of {count}",
        "tries": setup.tries,
        "results": [
            {
                "document": result.name,
                "succeeded": result.succeeded,
                "started_at": moment(result.started_at),
                "ended_at": moment(result.ended_at),
            }
            for result in setup.results
        ],
    }


def _activity(activity: Judgement) -> ActivityView:
    return {
        "verdict": str(activity.verdict),
        "sentence": activity.reason.sentence,
        "quiet_since": moment_or_none(activity.quiet_since),
    }


def _warning(warned: Warned) -> WarningView:
    return {
        "kind": str(warned.kind),
        "sentence": warned.sentence,
        "at": moment(warned.at),
        "acts_at": moment(warned.acts_at),
    }
