"""Simulation of one instance without AWS, with `decide` and `record_outcome` in every minute.

Every decision gets the same observation, unless a `SimulatedAws` shows the effects of the calls.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.desk.settings import DeskSettings, Limits, Mode
from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.lifecycle import outcomes, stop_warnings
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.outcome import CallAccepted, Outcome
from chalicelib.domain.instances.plan import Plan, Step
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import SetupState
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID, MINUTE, START
from tests.support.ready_instance import build_ready_instance as build_unobserved_instance
from tests.unit.instances.simulated_aws import SimulatedAws

MAX_DECISIONS = 4
"""Maximum number of decisions in a row, as in the reconciler: one decision can lead straight to the next."""

DEFAULT_LIMITS = Limits()
"""The default limits of a desk."""

NO_CHANNELS = ChannelDirectory()

CATALOG = load_catalog()

DOCUMENTS = tuple(
    RecipeDocument(name=name, parameters={"attemptId": "${attempt_id}"}, timeout=10 * MINUTE)
    for name in ("gpudesk-probe", "gpudesk-jupyter")
)
"""The documents of the recipe of a requested instance."""


def get_time(minute: float) -> datetime:
    """Return the time of a minute since the start."""
    return START + minute * MINUTE


def build_instance(max_hours: int = 72) -> Instance:
    """Return an instance that is ready and whose probe has reported since the start."""
    return replace(build_unobserved_instance(max_hours), observed=ObservedState(boot_id="boot", agent_seen=True))


def build_requested_instance(max_hours: int = 72) -> Instance:
    """Return an instance that is requested and not launched."""
    return replace(
        build_unobserved_instance(max_hours),
        phase=Phase.REQUESTED,
        ec2_instance=None,
        ready_since=None,
        lifetime=Lifetime(),
        setup=SetupState(recipe="jupyter", documents=DOCUMENTS),
    )


def with_idle_policy(instance: Instance, idle_minutes: int, warning_minutes: int) -> Instance:
    """Return the instance with another idle policy."""
    idle = IdlePolicy(idle_minutes=idle_minutes, warning_minutes=warning_minutes)
    return replace(instance, spec=replace(instance.spec, policy=replace(instance.spec.policy, idle=idle)))


def build_heartbeat(minute: float, *, since: float = 0, active: str | None = None) -> Heartbeat:
    """Return a heartbeat in which every signal except `active` has been quiet since minute `since`."""
    signals = {
        name: Evidence(
            state=SignalState.ACTIVE if name == active else SignalState.QUIET,
            since=get_time(since),
            at=get_time(minute),
            samples=int(minute - since) + 1,
            largest_gap=MINUTE,
            reason=f"{name} is measured",
            boot_id="boot",
        )
        for name in SIGNALS
    }
    return Heartbeat(instance_id=INSTANCE_ID, at=get_time(minute), boot_id="boot", signals=signals)


def build_context(
    mode: Mode = Mode.ENFORCE, limits: Limits = DEFAULT_LIMITS, directory: ChannelDirectory = NO_CHANNELS
) -> DecisionContext:
    """Return a decision context."""
    return DecisionContext(
        desk=DeskSettings(mode=mode, limits=limits),
        directory=directory,
        heartbeat_table="t",
        heartbeat_region="r",
        instance_role_id="AROA",
        catalog=CATALOG,
    )


def accept_call(_: Step) -> Outcome:
    """Return the outcome of a call that AWS accepts."""
    return CallAccepted()


@dataclass
class Simulation:
    """One instance, decided by gpudesk.

    :ivar observed: what every observation shows, unless `aws` is set
    :ivar call: returns the outcome of a step, unless `aws` is set
    :ivar aws: EC2 and SSM; None: `observed` and `call` replace them
    :ivar timeline: all written entries
    :ivar steps: all executed steps
    """

    instance: Instance = field(default_factory=build_instance)
    mode: Mode = Mode.ENFORCE
    limits: Limits = DEFAULT_LIMITS
    directory: ChannelDirectory = NO_CHANNELS
    observed: Observation = Observation(ec2=EC2_RUNNING)
    call: Callable[[Step], Outcome] = accept_call
    aws: SimulatedAws | None = None
    timeline: list[TimelineEntry] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def decide(self, minute: float, report: DecodedHeartbeat = None) -> Plan:
        """Decide, write and execute until neither plan nor outcome has a requeue. Return the last plan."""
        now, context = get_time(minute), build_context(self.mode, self.limits, self.directory)
        for _ in range(MAX_DECISIONS):
            observed = self.aws.observe(now) if self.aws else self.observed
            plan = decide(self.instance, replace(observed, heartbeat=report), now, context)
            self._write(plan)
            requeue = plan.requeue
            if plan.step:
                self.steps.append(plan.step)
                outcome = self.aws.execute(plan.step, now) if self.aws else self.call(plan.step)
                recorded = outcomes.record_outcome(self.instance, plan.step, outcome, now)
                self._write(recorded)
                requeue = requeue or recorded.requeue
            if not requeue:
                break
        return plan

    def run_minutes(self, first: int, last: int, report: Callable[[int], DecodedHeartbeat] = lambda _: None) -> None:
        """Decide in each minute from `first` to `last`."""
        for minute in range(first, last + 1):
            self.decide(minute, report(minute))

    def run_until(
        self, phase: Phase, first: int, last: int, report: Callable[[int], DecodedHeartbeat] = lambda _: None
    ) -> int:
        """Decide in each minute from `first` until the instance is in a phase. Return that minute."""
        for minute in range(first, last + 1):
            self.decide(minute, report(minute))
            if self.instance.phase is phase:
                return minute
        raise AssertionError(f"{self.instance.phase} after minute {last}: {self.timeline}")

    def apply_change(self, change: RecordChange) -> None:
        """Write what a person requested."""
        self.instance = change.instance
        self.timeline += change.entries

    def deliver_warning(self, minute: float) -> None:
        """Record that a channel has delivered the stop warning."""
        assert self.instance.warning is not None
        plan = stop_warnings.record_delivery(self.instance, self.instance.warning.id, "webhook", get_time(minute))
        assert plan is not None
        self._write(plan)

    def count_entries(self, code: EventCode) -> int:
        """Return how many timeline entries have a code."""
        return sum(entry.code is code for entry in self.timeline)

    def list_messages(self, code: EventCode) -> list[str]:
        """Return the messages of the timeline entries with a code."""
        return [entry.message for entry in self.timeline if entry.code is code]

    def _write(self, plan: Plan) -> None:
        self.instance = plan.instance
        self.timeline += plan.timeline
