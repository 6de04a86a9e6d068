"""Facts that are notified or recorded once: none replaces another, and each is forgotten when it ends."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.common.errors import PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import Limits, Mode
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.commands import keep
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts
from chalicelib.domain.instances.lifecycle.plans import with_phase
from chalicelib.domain.instances.observation import Observation, TagsMissing
from chalicelib.domain.instances.plan import CallAccepted, Outcome, Step
from chalicelib.domain.instances.record import ImageInProgress, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Policy
from chalicelib.store.dynamo import to_plain
from chalicelib.store.instances.items import INSTANCE
from tests.property.world import ADA, INSTANCE_ID, POLICY, VIEW
from tests.unit.instances.simulation import Simulation, at, heartbeat, ready

TAGS_LOST = Observation(ec2=TagsMissing(INSTANCE_ID))
VISIBLE = Observation(ec2=VIEW)


def with_desired(instance: Instance, desired: DesiredState) -> Instance:
    return replace(instance, spec=replace(instance.spec, desired=desired))


def with_max_hours(instance: Instance, max_hours: int) -> Instance:
    return replace(instance, spec=replace(instance.spec, policy=Policy(idle=POLICY, max_hours=max_hours)))


def with_claim(action: ClaimAction, *, ec2_state: Ec2State = Ec2State.RUNNING) -> Simulation:
    """Return a simulation in which AWS rejects every call of an action that a person requested a minute ago."""
    phase = Phase.TERMINATING if action is ClaimAction.TERMINATE else Phase.STOPPING
    reason = EventReason(code=EventCode.STOP_REQUESTED, message="A stop was requested.")
    claim = Claim(action=action, claimed_at=at(0), reason=reason)
    desired = DesiredState.TERMINATED if action is ClaimAction.TERMINATE else DesiredState.STOPPED
    instance = with_desired(replace(ready(), phase=phase, phase_since=at(0), claim=claim), desired)
    observed = Observation(ec2=replace(VIEW, state=ec2_state))
    return Simulation(instance, observed=observed, call=reject("UnauthorizedOperation"))


def reject(code: str) -> Callable[[Step], Outcome]:
    return lambda _: PermanentAwsError(code, "No.")


def test_unknown_activity_is_notified_once_although_a_dry_run_decision_alternates_with_it() -> None:
    desk = Simulation(ready(max_hours=1), mode=Mode.DRY_RUN)
    desk.live(1, 30)
    assert desk.count(EventCode.ACTIVITY_UNKNOWN) == 1
    for hours in (1, 2, 3):
        end = hours * 60
        desk.instance = with_max_hours(desk.instance, hours)
        desk.live(end - 10, end - 6)
        assert desk.count(EventCode.DRY_RUN) == hours - 1
        desk.live(end - 5, end + 5)
        assert desk.count(EventCode.DRY_RUN) == hours
        assert desk.instance.notified == {EventCode.ACTIVITY_UNKNOWN, EventCode.LIFETIME_WARNING}
    assert desk.count(EventCode.ACTIVITY_UNKNOWN) == 1


def test_dry_run_decision_is_recorded_once_although_unknown_activity_alternates_with_it() -> None:
    desk = Simulation(mode=Mode.DRY_RUN)
    desk.live(1, 15, heartbeat)
    assert desk.count(EventCode.DRY_RUN) == 1
    desk.live(16, 40)
    assert desk.count(EventCode.ACTIVITY_UNKNOWN) == 1
    desk.live(41, 45, heartbeat)
    assert desk.instance.notified == {EventCode.IDLE_WARNING}
    desk.live(46, 70)
    assert desk.count(EventCode.ACTIVITY_UNKNOWN) == 2, "the activity was known meanwhile"
    assert desk.count(EventCode.DRY_RUN) == 1


def test_dry_run_decision_is_recorded_again_after_the_instance_was_in_use() -> None:
    desk = Simulation(mode=Mode.DRY_RUN)
    desk.live(1, 15, heartbeat)
    desk.live(16, 16, lambda minute: heartbeat(minute, active="gpu"))
    assert desk.instance.notified == frozenset()
    desk.live(17, 40, lambda minute: heartbeat(minute, since=17))
    assert desk.count(EventCode.DRY_RUN) == 2


def test_keep_ends_a_recorded_idle_warning_and_no_other_fact() -> None:
    facts = frozenset({EventCode.ACTIVITY_UNKNOWN, EventCode.TAGS_LOST, EventCode.LIFETIME_WARNING})
    instance = replace(ready(), notified=facts | {EventCode.IDLE_WARNING, EventCode.FAILED_WARNING})
    assert keep.request_keep(instance, at(60), ADA, Limits(), at(0)).instance.notified == facts


def test_lost_tags_are_notified_once_although_unknown_activity_was_notified() -> None:
    desk = Simulation()
    desk.live(1, 20)
    desk.observed = TAGS_LOST
    desk.live(21, 30)
    assert (desk.count(EventCode.ACTIVITY_UNKNOWN), desk.count(EventCode.TAGS_LOST)) == (1, 1)
    desk.observed = VISIBLE
    desk.live(31, 35)
    assert desk.instance.notified == {EventCode.ACTIVITY_UNKNOWN}
    assert desk.count(EventCode.ACTIVITY_UNKNOWN) == 1
    desk.observed = TAGS_LOST
    desk.live(36, 40)
    assert desk.count(EventCode.TAGS_LOST) == 2, "the tags were there meanwhile"


def test_pending_termination_is_recorded_once_although_the_tags_are_lost_meanwhile() -> None:
    image = ImageInProgress(id="im-1", started_at=at(0))
    desk = Simulation(with_desired(replace(ready(), image_in_progress=image), DesiredState.TERMINATED))
    desk.live(1, 5)
    desk.observed = TAGS_LOST
    desk.live(6, 10)
    assert desk.instance.notified == {EventCode.TERMINATE_PENDING, EventCode.TAGS_LOST}
    desk.observed = VISIBLE
    desk.live(11, 15)
    assert (desk.count(EventCode.TERMINATE_PENDING), desk.count(EventCode.TAGS_LOST)) == (1, 1)
    desk.instance = replace(desk.instance, image_in_progress=None)
    desk.decide(16)
    assert desk.count(EventCode.TERMINATE_INITIATED) == 1
    assert desk.instance.notified == frozenset()


@pytest.mark.parametrize(
    ("action", "code"),
    [(ClaimAction.STOP, EventCode.STOP_REFUSED), (ClaimAction.TERMINATE, EventCode.TERMINATE_REFUSED)],
)
def test_refused_call_is_notified_once_although_the_tags_are_lost_meanwhile(
    action: ClaimAction, code: EventCode
) -> None:
    desk = with_claim(action)
    desk.live(1, 6)
    desk.observed = TAGS_LOST
    desk.live(7, 9)
    desk.observed = VISIBLE
    desk.live(10, 16)
    assert len(desk.steps) >= 3
    assert (desk.count(code), desk.count(EventCode.TAGS_LOST)) == (1, 1)
    assert desk.instance.notified == {code}


def test_call_that_is_refused_for_another_reason_is_notified_again() -> None:
    desk = with_claim(ClaimAction.STOP)
    desk.live(1, 6)
    desk.call = reject("OperationNotPermitted")
    desk.live(7, 15)
    assert desk.count(EventCode.STOP_REFUSED) == 2


def test_accepted_call_ends_the_refusal() -> None:
    desk = with_claim(ClaimAction.STOP)
    desk.live(1, 6)
    assert desk.instance.notified == {EventCode.STOP_REFUSED}
    desk.call = lambda _: CallAccepted()
    desk.live(7, 12)
    assert desk.instance.notified == frozenset()


def test_another_phase_forgets_every_fact() -> None:
    instance = replace(ready(), notified=frozenset(EventCode))
    reason = EventReason(code=EventCode.STOPPED, message="n is stopped.")
    assert with_phase(instance, Phase.STOPPED, reason, at(1)).notified == frozenset()


def test_stop_warning_that_is_sent_ends_its_record_of_a_dry_run() -> None:
    desk = Simulation(mode=Mode.DRY_RUN)
    desk.live(1, 12, heartbeat)
    assert desk.instance.notified == {EventCode.IDLE_WARNING}
    desk.mode = Mode.ENFORCE
    desk.decide(13, heartbeat(13))
    assert desk.instance.warning is not None
    assert desk.instance.notified == frozenset()


@pytest.mark.parametrize(
    "facts",
    [frozenset(), frozenset({EventCode.TAGS_LOST}), frozenset({EventCode.ACTIVITY_UNKNOWN, EventCode.IDLE_WARNING})],
    ids=len,
)
def test_notified_facts_survive_the_store(facts: frozenset[EventCode]) -> None:
    instance = replace(ready(), notified=facts)
    stored = json.loads(json.dumps(to_plain(INSTANCE, instance)))
    assert sorted(stored["notified"]) == sorted(map(str, facts))
    loaded = INSTANCE.validate_python(stored)
    assert loaded == instance
    assert all(isinstance(fact, EventCode) for fact in loaded.notified)


def test_forgetting_a_fact_that_was_not_notified_changes_nothing() -> None:
    assert forget_facts(ready(), EventCode.TAGS_LOST) == ready()


def test_unknown_activity_is_reported_with_one_duration() -> None:
    desk = Simulation()
    desk.live(0, 30)
    (message,) = [entry.message for entry in desk.timeline if entry.code is EventCode.ACTIVITY_UNKNOWN]
    assert message.startswith("n cannot be monitored. Activity is unknown, so the instance is not stopped")
    assert message.count(" min") <= 1
