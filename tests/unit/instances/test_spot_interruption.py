"""What follows from EC2's warning of an interruption, from the interruption, and from the return of the instance."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2State, StateReason
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifecycle.outcomes import record_outcome
from chalicelib.domain.instances.lifecycle.spot_interruption import record_spot_event
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, Observation, ObservedCommand, Unavailable
from chalicelib.domain.instances.outcome import CommandSent
from chalicelib.domain.instances.plan import RunHook, Start, Stop
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import (
    Interruption,
    InterruptionAction,
    InterruptionWarning,
    SpotEvent,
    SpotRequestState,
)
from chalicelib.domain.instances.start_state import StartState
from tests.support.ready_instance import INSTANCE_ID, MINUTE, START
from tests.unit.instances.simulation import build_context, build_heartbeat, get_time
from tests.unit.instances.spot_examples import (
    EC2_SPOT,
    INTERRUPTED,
    STOPPED_BY_CALL,
    WARNING,
    build_request,
    build_spot_instance,
    observe,
    with_warning,
)

CONTEXT = build_context()
EVENT = SpotEvent(ec2_instance_id=INSTANCE_ID, action=InterruptionAction.STOP, at=START)


def build_interrupted(*, wanted: bool = False, resumes: bool = False) -> Instance:
    """Return a record that EC2 has stopped."""
    instance = build_spot_instance(resumes=resumes)
    return replace(
        instance,
        phase=Phase.STOPPED,
        spec=replace(instance.spec, desired=DesiredState.RUNNING if wanted else DesiredState.STOPPED),
        observed=replace(instance.observed, interruption=Interruption(interrupted_at=START)),
    )


def test_warning_says_the_time_left_and_is_recorded_once() -> None:
    plan = record_spot_event(build_spot_instance(), EVENT, START + timedelta(seconds=10), Mode.ENFORCE)
    assert plan is not None
    (entry,) = plan.timeline
    assert entry.code == EventCode.SPOT_INTERRUPTION
    assert "EC2 interrupts n, a spot instance, at 09:02 UTC (in 110 s)." in entry.message
    assert "gpudesk stops it now" in entry.message
    assert record_spot_event(plan.instance, EVENT, START, Mode.ENFORCE) is None


@pytest.mark.parametrize(
    ("resumes", "action", "words"),
    [
        (True, InterruptionAction.STOP, "starts it again when it has capacity"),
        (False, InterruptionAction.TERMINATE, "its disk is deleted"),
    ],
)
def test_warning_of_an_interruption_that_gpudesk_leaves_to_ec2(
    resumes: bool, action: InterruptionAction, words: str
) -> None:
    instance = build_spot_instance(resumes=resumes)
    plan = record_spot_event(instance, replace(EVENT, action=action), START, Mode.ENFORCE)
    assert plan is not None
    assert words in plan.reason.message
    assert decide(plan.instance, observe(), START, CONTEXT).step is None


@pytest.mark.parametrize(
    ("resumes", "action", "mode", "runs"),
    [
        (False, InterruptionAction.STOP, Mode.ENFORCE, True),
        (True, InterruptionAction.STOP, Mode.ENFORCE, True),
        (True, InterruptionAction.STOP, Mode.PAUSED, False),
        (False, InterruptionAction.TERMINATE, Mode.ENFORCE, True),
        (False, InterruptionAction.STOP, Mode.DRY_RUN, False),
    ],
)
def test_warning_says_if_the_hook_does_not_run(
    resumes: bool, action: InterruptionAction, mode: Mode, runs: bool
) -> None:
    instance = build_spot_instance(resumes=resumes)
    policy = replace(instance.spec.policy, before_stop_hook="/home/ubuntu/save.sh")
    hooked = replace(instance, spec=replace(instance.spec, policy=policy))
    plan = record_spot_event(hooked, replace(EVENT, action=action), START, mode)
    assert plan is not None
    assert ("Its before-stop hook does not run" in plan.reason.message) is not runs


def test_rebalance_recommendation_is_only_recorded_and_once() -> None:
    event = replace(EVENT, action=None)
    plan = record_spot_event(build_spot_instance(), event, START, Mode.ENFORCE)
    assert plan is not None
    assert ([entry.code for entry in plan.timeline], plan.step) == ([EventCode.SPOT_REBALANCE], None)
    assert record_spot_event(plan.instance, event, START, Mode.ENFORCE) is None


def test_stop_of_a_spot_instance_says_that_its_request_stays() -> None:
    plan = decide(with_warning(build_spot_instance()), observe(), START, CONTEXT)
    assert "Its spot request stays, too, and costs nothing." in plan.timeline[0].message


def test_hook_runs_before_the_stop_at_a_warning() -> None:
    instance = with_warning(build_spot_instance())
    policy = replace(instance.spec.policy, before_stop_hook="/home/ubuntu/save.sh")
    plan = decide(replace(instance, spec=replace(instance.spec, policy=policy)), observe(), START, CONTEXT)
    assert isinstance(plan.step, RunHook)
    assert plan.step.document.parameters["stopReason"] == "spot"


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(CommandStatus.SUCCEEDED, EventCode.BEFORE_STOP_ENDED), (CommandStatus.FAILED, EventCode.BEFORE_STOP_FAILED)],
)
def test_hook_runs_once_at_an_interruption_that_gpudesk_leaves_to_ec2(outcome: CommandStatus, code: EventCode) -> None:
    instance = with_warning(build_spot_instance(resumes=True))
    policy = replace(instance.spec.policy, before_stop_hook="/home/ubuntu/save.sh")
    sending = decide(replace(instance, spec=replace(instance.spec, policy=policy)), observe(), START, CONTEXT)
    assert isinstance(sending.step, RunHook)
    sent = record_outcome(sending.instance, sending.step, CommandSent("command-1"), START)
    assert [entry.code for entry in sent.timeline] == [EventCode.BEFORE_STOP_STARTED]
    assert sent.instance.phase is Phase.READY
    assert sent.instance.active_command is not None
    waiting = decide(sent.instance, observe(), START + timedelta(seconds=20), CONTEXT)
    assert waiting.step is None
    command = ObservedCommand(command_id="command-1", status=outcome, status_details=str(outcome), steps=())
    ended = decide(sent.instance, replace(observe(), command=command), START + timedelta(seconds=30), CONTEXT)
    assert [entry.code for entry in ended.timeline] == [code]
    after = decide(ended.instance, observe(), START + timedelta(seconds=40), CONTEXT)
    assert (after.step, after.instance.active_command) == (None, None)


def test_warning_stops_the_instance_also_while_it_is_kept() -> None:
    instance = with_warning(build_spot_instance())
    kept = replace(instance, lifetime=replace(instance.lifetime, keep_until=get_time(60)))
    plan = decide(kept, observe(), START, CONTEXT)
    assert (plan.step, plan.instance.phase) == (Stop(), Phase.STOPPING)
    assert plan.instance.spec.desired is DesiredState.STOPPED


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PAUSED])
def test_warning_stops_nothing_in_another_mode(mode: Mode) -> None:
    plan = decide(with_warning(build_spot_instance()), observe(), START, build_context(mode))
    assert (plan.step, plan.instance.phase) == (None, Phase.READY)


def test_warning_without_an_interruption_is_forgotten() -> None:
    warned = with_warning(build_spot_instance(resumes=True))
    assert decide(warned, observe(), get_time(11), CONTEXT).instance.observed.interruption is not None
    assert decide(warned, observe(), get_time(12), CONTEXT).instance.observed.interruption is None


@pytest.mark.parametrize(
    ("text", "is_believed"),
    [
        ("stop 2026-01-05T09:03:00Z", True),
        ("stop 2026-01-05T12:00:00Z", False),
        ("stop 2026-01-05T09:03:00", False),
        ("dance 2026-01-05T09:03:00Z", False),
        ("stop", False),
    ],
)
def test_heartbeat_reports_an_interruption(text: str, is_believed: bool) -> None:
    heartbeat = replace(build_heartbeat(1), interruption=text)
    observation = replace(observe(), heartbeat=heartbeat)
    plan = decide(build_spot_instance(), observation, get_time(1), CONTEXT)
    assert (plan.reason.code == EventCode.SPOT_INTERRUPTION) is is_believed


@pytest.mark.parametrize(("resumes", "desired"), [(False, DesiredState.STOPPED), (True, DesiredState.RUNNING)])
def test_interruption_without_a_warning_is_notified(resumes: bool, desired: DesiredState) -> None:
    plan = decide(build_spot_instance(resumes=resumes), observe(Ec2State.STOPPED, INTERRUPTED), START, CONTEXT)
    assert (plan.reason.code, plan.instance.phase) == (EventCode.SPOT_INTERRUPTED, Phase.STOPPED)
    assert plan.instance.spec.desired is desired
    assert plan.instance.observed.interruption == Interruption(interrupted_at=START)


@pytest.mark.parametrize(
    ("reason", "code", "interruption"),
    [
        (STOPPED_BY_CALL, EventCode.STOPPED, None),
        (INTERRUPTED, EventCode.SPOT_INTERRUPTED, Interruption(warning=WARNING, interrupted_at=get_time(3))),
    ],
    ids=["gpudesk was faster", "EC2 was faster"],
)
def test_end_of_the_race_decides_who_can_start_the_instance(
    reason: StateReason, code: EventCode, interruption: Interruption | None
) -> None:
    stopping = decide(with_warning(build_spot_instance()), observe(), START, CONTEXT).instance
    plan = decide(stopping, observe(Ec2State.STOPPED, reason), get_time(3), CONTEXT)
    assert (plan.reason.code, plan.instance.observed.interruption) == (code, interruption)


@pytest.mark.parametrize(
    ("request_seen", "starts"),
    [
        (build_request(SpotRequestState.OPEN), False),
        (build_request(SpotRequestState.DISABLED), True),
        (NotVisible(), True),
        (Unavailable("no answer"), False),
    ],
)
def test_wanted_interrupted_instance_is_started_only_if_gpudesk_can(request_seen: object, starts: bool) -> None:
    observation = Observation(
        ec2=observe(Ec2State.STOPPED, INTERRUPTED).ec2,
        spot_request=request_seen,  # type: ignore[arg-type]
    )
    plan = decide(build_interrupted(wanted=True), observation, get_time(5), CONTEXT)
    assert isinstance(plan.step, Start) is starts
    assert (plan.reason.code == EventCode.SPOT_WAITING) is not starts


def test_unwanted_return_is_stopped_once_it_runs() -> None:
    pending = decide(build_interrupted(), observe(Ec2State.PENDING), get_time(5), CONTEXT)
    assert (pending.step, pending.instance.phase) == (None, Phase.STOPPED)
    running = decide(build_interrupted(), observe(), get_time(5), CONTEXT)
    assert (running.step, running.instance.phase) == (Stop(), Phase.STOPPING)
    assert running.instance.claim is not None
    assert running.instance.claim.action is ClaimAction.STOP
    assert "no start was requested" in running.timeline[0].message


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PAUSED])
def test_unwanted_return_is_managed_where_gpudesk_may_not_stop_it(mode: Mode) -> None:
    plan = decide(build_interrupted(), observe(), get_time(5), build_context(mode))
    assert (plan.step, plan.instance.phase) == (None, Phase.BOOTING)
    assert plan.instance.observed.interruption is None


def test_return_during_the_stop_is_stopped_again() -> None:
    stopping = decide(with_warning(build_spot_instance()), observe(), START, CONTEXT).instance
    returned = Observation(ec2=replace(EC2_SPOT, launched_at=START + MINUTE))
    plan = decide(stopping, returned, get_time(3), CONTEXT)
    assert (plan.step, plan.reason.code) == (Stop(), EventCode.SPOT_RETURN_STOPPED)


def test_start_of_an_interrupted_instance_waits_no_longer_than_requested() -> None:
    wanted = build_interrupted(wanted=True)
    waiting = replace(wanted, start=StartState(wait_until=get_time(60)))
    stopped = replace(observe(Ec2State.STOPPED, INTERRUPTED), spot_request=build_request(SpotRequestState.OPEN))
    assert decide(waiting, stopped, get_time(60), CONTEXT).reason.code == EventCode.SPOT_WAITING
    plan = decide(waiting, stopped, get_time(61), CONTEXT)
    assert [entry.code for entry in plan.timeline] == [EventCode.START_FAILED]
    assert "EC2 had interrupted it and did not start it again by" in plan.reason.message
    returned = decide(plan.instance, observe(), get_time(4000), CONTEXT)
    assert (returned.step, returned.instance.phase) == (Stop(), Phase.STOPPING)


def test_wanted_return_boots() -> None:
    plan = decide(build_interrupted(wanted=True, resumes=True), observe(), get_time(5), CONTEXT)
    assert (plan.reason.code, plan.instance.phase) == (EventCode.SPOT_RESUMED, Phase.BOOTING)
    assert plan.instance.observed.interruption is None


def test_event_of_a_terminating_or_on_demand_instance_is_ignored() -> None:
    instance = build_spot_instance()
    ending = replace(instance, spec=replace(instance.spec, desired=DesiredState.TERMINATED))
    assert record_spot_event(ending, EVENT, START, Mode.ENFORCE) is None
    late = InterruptionWarning(action=InterruptionAction.STOP, interrupts_at=START - 10 * MINUTE)
    assert record_spot_event(instance, replace(EVENT, at=late.interrupts_at), START, Mode.ENFORCE) is not None
    assert record_spot_event(instance, replace(EVENT, at=START - 12 * MINUTE), START, Mode.ENFORCE) is None
