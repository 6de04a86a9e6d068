"""Simulation of one instance without AWS, with `decide` and `record_outcome` in every minute."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.desk.settings import DeskSettings, Limits, Mode
from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import CallAccepted, Outcome, Plan, Step
from chalicelib.domain.instances.record import Instance, ObservedState
from tests.support.ready_instance import EC2_RUNNING, INSTANCE_ID, MINUTE, START
from tests.support.ready_instance import build_ready_instance as build_unobserved_instance

MAX_DECISIONS = 4
"""As in the reconciler: one decision may lead straight to the next."""

DEFAULT_LIMITS = Limits()
"""The default limits of a desk."""


def get_time(minute: float) -> datetime:
    """Return the time of a minute since the start."""
    return START + minute * MINUTE


def build_instance(max_hours: int = 72) -> Instance:
    """Return an instance that is ready and whose probe has reported since the start."""
    return replace(build_unobserved_instance(max_hours), observed=ObservedState(boot_id="boot", agent_seen=True))


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


def build_context(mode: Mode = Mode.ENFORCE, limits: Limits = DEFAULT_LIMITS) -> DecisionContext:
    """Return a decision context without notification channels."""
    return DecisionContext(
        desk=DeskSettings(mode=mode, limits=limits),
        directory=ChannelDirectory(),
        heartbeat_table="t",
        heartbeat_region="r",
        instance_role_id="AROA",
    )


def accept_call(_: Step) -> Outcome:
    """Return the outcome of a call that AWS accepts."""
    return CallAccepted()


@dataclass
class Simulation:
    """One instance, decided by gpudesk.

    :ivar call: returns the outcome of a step
    :ivar timeline: all written entries
    :ivar steps: all executed steps
    """

    instance: Instance = field(default_factory=build_instance)
    mode: Mode = Mode.ENFORCE
    limits: Limits = DEFAULT_LIMITS
    observed: Observation = Observation(ec2=EC2_RUNNING)
    call: Callable[[Step], Outcome] = accept_call
    timeline: list[TimelineEntry] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def decide(self, minute: float, report: DecodedHeartbeat = None) -> Plan:
        """Decide, write and execute until a plan has no requeue. Return the last plan."""
        observation = replace(self.observed, heartbeat=report)
        for _ in range(MAX_DECISIONS):
            plan = decide(self.instance, observation, get_time(minute), build_context(self.mode, self.limits))
            self._write(plan)
            if plan.step:
                self.steps.append(plan.step)
                self._write(outcomes.record_outcome(self.instance, plan.step, self.call(plan.step), get_time(minute)))
            if not plan.requeue:
                break
        return plan

    def run_minutes(self, first: int, last: int, report: Callable[[int], DecodedHeartbeat] = lambda _: None) -> None:
        """Decide in each minute from `first` to `last`."""
        for minute in range(first, last + 1):
            self.decide(minute, report(minute))

    def count_entries(self, code: EventCode) -> int:
        """Return how many timeline entries have a code."""
        return sum(entry.code is code for entry in self.timeline)

    def _write(self, plan: Plan) -> None:
        self.instance = plan.instance
        self.timeline += plan.timeline
