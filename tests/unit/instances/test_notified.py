"""Facts that are notified or recorded once: none replaces another, and each is forgotten when it ends."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from chalicelib.domain.common.aws_errors import PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import Limits, Mode
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.commands import keep
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts, is_entry_due
from chalicelib.domain.instances.lifecycle.plans import with_phase
from chalicelib.domain.instances.observation import Observation, TagsMissing
from chalicelib.domain.instances.outcome import CallAccepted, Outcome
from chalicelib.domain.instances.plan import Step
from chalicelib.domain.instances.record import ImageInProgress, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Policy
from chalicelib.store.instances.items import INSTANCE
from tests.support.ready_instance import ADA, EC2_RUNNING, INSTANCE_ID, POLICY
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time

TAGS_LOST = Observation(ec2=TagsMissing(INSTANCE_ID))
VISIBLE = Observation(ec2=EC2_RUNNING)


def set_desired(instance: Instance, desired: DesiredState) -> Instance:
    return replace(instance, spec=replace(instance.spec, desired=desired))


def set_max_hours(instance: Instance, max_hours: int) -> Instance:
    return replace(instance, spec=replace(instance.spec, policy=Policy(idle=POLICY, max_hours=max_hours)))


def simulate_rejected_claim(action: ClaimAction, *, ec2_state: Ec2State = Ec2State.RUNNING) -> Simulation:
    """Return a simulation in which AWS rejects every call of an action that a person requested a minute ago."""
    phase = Phase.TERMINATING if action is ClaimAction.TERMINATE else Phase.STOPPING
    reason = EventReason(code=EventCode.STOP_REQUESTED, message="A stop was requested.")
    claim = Claim(action=action, claimed_at=get_time(0), reason=reason)
    desired = DesiredState.TERMINATED if action is ClaimAction.TERMINATE else DesiredState.STOPPED
    instance = set_desired(replace(build_instance(), phase=phase, phase_since=get_time(0), claim=claim), desired)
    observed = Observation(ec2=replace(EC2_RUNNING, state=ec2_state))
    return Simulation(instance, observed=observed, call=build_rejection("UnauthorizedOperation"))


def record_at_start(*facts: EventCode) -> dict[EventCode, datetime]:
    return {fact: get_time(0) for fact in facts}


def build_rejection(code: str) -> Callable[[Step], Outcome]:
    return lambda _: PermanentAwsError(code, "No.")


def test_unknown_activity_is_notified_once_although_a_dry_run_decision_alternates_with_it() -> None:
    simulation = Simulation(build_instance(max_hours=1), mode=Mode.DRY_RUN)
    simulation.run_minutes(1, 30)
    assert simulation.count_entries(EventCode.ACTIVITY_UNKNOWN) == 1
    for hours in (1, 2, 3):
        end = hours * 60
        simulation.instance = set_max_hours(simulation.instance, hours)
        simulation.run_minutes(end - 10, end - 6)
        assert simulation.count_entries(EventCode.DRY_RUN) == hours - 1
        simulation.run_minutes(end - 5, end + 5)
        assert simulation.count_entries(EventCode.DRY_RUN) == hours
        assert set(simulation.instance.notified) == {EventCode.ACTIVITY_UNKNOWN, EventCode.LIFETIME_WARNING}
    assert simulation.count_entries(EventCode.ACTIVITY_UNKNOWN) == 1


def test_dry_run_decision_is_recorded_once_although_unknown_activity_alternates_with_it() -> None:
    simulation = Simulation(mode=Mode.DRY_RUN)
    simulation.run_minutes(1, 15, build_heartbeat)
    assert simulation.count_entries(EventCode.DRY_RUN) == 1
    simulation.run_minutes(16, 40)
    assert simulation.count_entries(EventCode.ACTIVITY_UNKNOWN) == 1
    simulation.run_minutes(41, 45, build_heartbeat)
    assert set(simulation.instance.notified) == {EventCode.IDLE_WARNING}
    simulation.run_minutes(46, 70)
    assert simulation.count_entries(EventCode.ACTIVITY_UNKNOWN) == 2, "the activity was known in between"
    assert simulation.count_entries(EventCode.DRY_RUN) == 1


def test_dry_run_decision_is_recorded_again_after_the_instance_was_in_use() -> None:
    simulation = Simulation(mode=Mode.DRY_RUN)
    simulation.run_minutes(1, 15, build_heartbeat)
    simulation.run_minutes(16, 16, lambda minute: build_heartbeat(minute, active="gpu"))
    assert simulation.instance.notified == {}
    simulation.run_minutes(17, 40, lambda minute: build_heartbeat(minute, since=17))
    assert simulation.count_entries(EventCode.DRY_RUN) == 2


def test_keep_ends_a_recorded_idle_warning_and_no_other_fact() -> None:
    facts = record_at_start(EventCode.ACTIVITY_UNKNOWN, EventCode.TAGS_LOST, EventCode.LIFETIME_WARNING)
    warnings = record_at_start(EventCode.IDLE_WARNING, EventCode.FAILED_WARNING)
    instance = replace(build_instance(), notified={**facts, **warnings})
    assert keep.request_keep(instance, get_time(60), ADA, Limits(), get_time(0)).instance.notified == facts


def test_lost_tags_are_notified_once_although_unknown_activity_was_notified() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 20)
    simulation.observed = TAGS_LOST
    simulation.run_minutes(21, 30)
    assert (simulation.count_entries(EventCode.ACTIVITY_UNKNOWN), simulation.count_entries(EventCode.TAGS_LOST)) == (
        1,
        1,
    )
    simulation.observed = VISIBLE
    simulation.run_minutes(31, 35)
    assert set(simulation.instance.notified) == {EventCode.ACTIVITY_UNKNOWN}
    assert simulation.count_entries(EventCode.ACTIVITY_UNKNOWN) == 1
    simulation.observed = TAGS_LOST
    simulation.run_minutes(36, 40)
    assert simulation.count_entries(EventCode.TAGS_LOST) == 2, "the tags were restored in between"


def test_pending_termination_is_recorded_once_although_the_tags_are_lost_meanwhile() -> None:
    image = ImageInProgress(id="im-1", started_at=get_time(0))
    simulation = Simulation(set_desired(replace(build_instance(), image_in_progress=image), DesiredState.TERMINATED))
    simulation.run_minutes(1, 5)
    simulation.observed = TAGS_LOST
    simulation.run_minutes(6, 10)
    assert set(simulation.instance.notified) == {EventCode.TERMINATE_PENDING, EventCode.TAGS_LOST}
    simulation.observed = VISIBLE
    simulation.run_minutes(11, 15)
    assert (simulation.count_entries(EventCode.TERMINATE_PENDING), simulation.count_entries(EventCode.TAGS_LOST)) == (
        1,
        1,
    )
    simulation.instance = replace(simulation.instance, image_in_progress=None)
    simulation.decide(16)
    assert simulation.count_entries(EventCode.TERMINATE_INITIATED) == 1
    assert simulation.instance.notified == {}


@pytest.mark.parametrize(
    ("action", "code"),
    [(ClaimAction.STOP, EventCode.STOP_REFUSED), (ClaimAction.TERMINATE, EventCode.TERMINATE_REFUSED)],
)
def test_refused_call_is_notified_once_although_the_tags_are_lost_meanwhile(
    action: ClaimAction, code: EventCode
) -> None:
    simulation = simulate_rejected_claim(action)
    simulation.run_minutes(1, 6)
    simulation.observed = TAGS_LOST
    simulation.run_minutes(7, 9)
    simulation.observed = VISIBLE
    simulation.run_minutes(10, 16)
    assert len(simulation.steps) >= 3
    assert (simulation.count_entries(code), simulation.count_entries(EventCode.TAGS_LOST)) == (1, 1)
    assert set(simulation.instance.notified) == {code}


def test_call_that_is_refused_for_another_reason_is_notified_again() -> None:
    simulation = simulate_rejected_claim(ClaimAction.STOP)
    simulation.run_minutes(1, 6)
    simulation.call = build_rejection("OperationNotPermitted")
    simulation.run_minutes(7, 15)
    assert simulation.count_entries(EventCode.STOP_REFUSED) == 2


def test_accepted_call_ends_the_refusal() -> None:
    simulation = simulate_rejected_claim(ClaimAction.STOP)
    simulation.run_minutes(1, 6)
    assert set(simulation.instance.notified) == {EventCode.STOP_REFUSED}
    simulation.call = lambda _: CallAccepted()
    simulation.run_minutes(7, 12)
    assert simulation.instance.notified == {}


def test_another_phase_forgets_every_fact() -> None:
    instance = replace(build_instance(), notified=record_at_start(*EventCode))
    reason = EventReason(code=EventCode.STOPPED, message="n is stopped.")
    assert with_phase(instance, Phase.STOPPED, reason, get_time(1)).notified == {}


def test_stop_warning_that_is_sent_ends_its_record_of_a_dry_run() -> None:
    simulation = Simulation(mode=Mode.DRY_RUN)
    simulation.run_minutes(1, 12, build_heartbeat)
    assert set(simulation.instance.notified) == {EventCode.IDLE_WARNING}
    simulation.mode = Mode.ENFORCE
    simulation.decide(13, build_heartbeat(13))
    assert simulation.instance.warning is not None
    assert simulation.instance.notified == {}


@pytest.mark.parametrize(
    "facts",
    [(), (EventCode.TAGS_LOST,), (EventCode.ACTIVITY_UNKNOWN, EventCode.IDLE_WARNING)],
    ids=len,
)
def test_notified_facts_survive_the_store(facts: tuple[EventCode, ...]) -> None:
    instance = replace(build_instance(), notified=record_at_start(*facts))
    stored = INSTANCE.encode(instance)
    assert sorted(json.loads(stored)["notified"]) == sorted(map(str, facts))
    loaded = INSTANCE.decode(stored)
    assert loaded == instance
    assert all(isinstance(fact, EventCode) for fact in loaded.notified)


def test_forgetting_a_fact_that_was_not_notified_changes_nothing() -> None:
    assert forget_facts(build_instance(), EventCode.TAGS_LOST) == build_instance()


def test_unknown_activity_is_reported_with_one_duration() -> None:
    desk = Simulation()
    desk.run_minutes(0, 30)
    (message,) = [entry.message for entry in desk.timeline if entry.code is EventCode.ACTIVITY_UNKNOWN]
    assert message.startswith("n cannot be monitored. Activity is unknown, so the instance is not stopped")
    assert message.count(" min") <= 1


def test_unknown_activity_of_an_adopted_instance_is_not_notified() -> None:
    simulation = Simulation(replace(build_instance(), is_adopted_on_request=True))
    simulation.run_minutes(0, 30)
    assert simulation.timeline == []
    assert "Only the end of its lifetime stops it." in simulation.decide(31).reason.message


def test_people_are_reminded_each_day_of_an_instance_that_lost_its_tags() -> None:
    simulation = Simulation(observed=TAGS_LOST)
    for minute in range(20, 3 * 24 * 60, 60):
        simulation.decide(minute)
    assert simulation.count_entries(EventCode.TAGS_LOST) == 3


@pytest.mark.parametrize("rejected", [True, False])
def test_people_are_reminded_each_day_of_a_stop_that_takes_no_effect(rejected: bool) -> None:
    simulation = simulate_rejected_claim(ClaimAction.STOP)
    if not rejected:
        simulation.call = lambda _: CallAccepted()
    for minute in range(1, 50 * 60, 7):
        simulation.decide(minute)
    assert simulation.count_entries(EventCode.STOP_OVERDUE) == 3
    assert simulation.count_entries(EventCode.STOP_REFUSED) == (3 if rejected else 0)
    assert simulation.list_messages(EventCode.STOP_OVERDUE)[1].startswith("n has not stopped for 24 h ")
    assert simulation.count_entries(EventCode.STOP_RETRIED) < 6, "the timeline shows the retries of the first minutes"


def test_nobody_is_reminded_of_a_termination_that_waits_for_an_image() -> None:
    instance = replace(build_instance(), notified=record_at_start(EventCode.TERMINATE_PENDING))
    assert not is_entry_due(instance, EventCode.TERMINATE_PENDING, get_time(48 * 60))
    assert is_entry_due(instance, EventCode.TAGS_LOST, get_time(0))
