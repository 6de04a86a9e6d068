"""The before-stop hook: it runs once before a stop, delays it by at most its bound, and never keeps the instance."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.common.aws_errors import PermanentAwsError, TransientAwsError
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.settings import DeskSettings, Limits, Mode
from chalicelib.domain.instances.before_stop import BEFORE_STOP_DOCUMENT, StopReason
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.commands import keep, stop_start
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.actions import begin_action
from chalicelib.domain.instances.lifecycle.before_stop import run_hook_first
from chalicelib.domain.instances.lifecycle.heartbeat_messages import build_response
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.outcome import CallAccepted, NoLongerIdle
from chalicelib.domain.instances.plan import RunHook, Step, Stop
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.ready_instance import ADA, POLICY
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time

HOOK = "/home/ubuntu/save.sh"
CLAIMED_AT = POLICY.idle_minutes + POLICY.warning_minutes
"""Minute in which the idle stop is claimed."""


def with_hook(instance: Instance) -> Instance:
    policy = replace(instance.spec.policy, before_stop_hook=HOOK)
    return replace(instance, spec=replace(instance.spec, policy=policy))


def claimed(aws: SimulatedAws, instance: Instance | None = None) -> Simulation:
    """Return an idle instance whose stop was claimed in minute 15."""
    simulation = Simulation(with_hook(instance or build_instance()), aws=aws)
    simulation.run_minutes(1, CLAIMED_AT, build_heartbeat)
    assert simulation.instance.phase is Phase.STOPPING
    return simulation


def get_types(simulation: Simulation) -> list[type[Step]]:
    return [type(step) for step in simulation.steps]


def get_hook_step(simulation: Simulation) -> RunHook:
    (step,) = [step for step in simulation.steps if isinstance(step, RunHook)]
    return step


def test_idle_stop_waits_for_the_end_of_the_hook_and_shows_its_output() -> None:
    aws = SimulatedAws(document_duration=timedelta(seconds=30), hook_output="epoch 7\nsaved model.pt")
    simulation = claimed(aws)
    step = get_hook_step(simulation)
    assert (step.document.document, step.document.parameters["hook"]) == (BEFORE_STOP_DOCUMENT, HOOK)
    assert (step.document.parameters["stopReason"], step.document.parameters["seconds"]) == ("idle", "110")
    simulation.decide(CLAIMED_AT + 0.4)
    assert get_types(simulation) == [RunHook], "it waits for the command"
    simulation.decide(CLAIMED_AT + 0.6)
    assert simulation.steps[1:] == [Stop()]
    (ended,) = [entry for entry in simulation.timeline if entry.code is EventCode.BEFORE_STOP_ENDED]
    assert "saved model.pt" in ended.message
    assert ended.details["output"] == "epoch 7 / saved model.pt"
    assert f"First its before-stop hook {HOOK} runs" in simulation.list_messages(EventCode.STOP_INITIATED)[0]
    assert "First its before-stop hook" in simulation.instance.reason.message
    assert simulation.run_until(Phase.STOPPED, 16, 17) == 16


def test_hook_that_never_ends_delays_the_stop_by_its_bound_and_no_more() -> None:
    simulation = claimed(SimulatedAws(document_duration=timedelta(hours=1)))
    simulation.decide(CLAIMED_AT + 1.9)
    assert get_types(simulation) == [RunHook]
    simulation.decide(CLAIMED_AT + 2)
    assert get_types(simulation) == [RunHook, Stop]
    assert "did not end within 2 min" in simulation.list_messages(EventCode.BEFORE_STOP_FAILED)[0]


def test_failed_hook_is_recorded_with_its_cause_and_the_instance_is_stopped() -> None:
    output = "cannot write\ngpudesk: The hook exited with status 3. Run it in a session.\n"
    simulation = claimed(SimulatedAws(failures=[output]))
    simulation.decide(CLAIMED_AT + 1)
    assert get_types(simulation) == [RunHook, Stop]
    (message,) = simulation.list_messages(EventCode.BEFORE_STOP_FAILED)
    assert "did not succeed: The hook exited with status 3." in message
    assert "Its output ends with: cannot write" in message


def test_command_that_ssm_rejects_lets_the_stop_follow_at_once() -> None:
    rejected = PermanentAwsError("InvalidInstanceId", "The agent is not registered.")
    simulation = claimed(SimulatedAws(faults={RunHook: rejected}))
    assert get_types(simulation) == [RunHook, Stop]
    assert simulation.steps[-1] == Stop(if_still_idle=True), "no hook has run whose activity would have to be ignored"
    assert "SSM rejected its command" in simulation.list_messages(EventCode.BEFORE_STOP_FAILED)[0]


def test_command_that_is_throttled_is_sent_again_with_the_same_attempt_until_the_bound() -> None:
    throttled = TransientAwsError("ThrottlingException", "Rate exceeded")
    simulation = claimed(SimulatedAws(faults={RunHook: throttled}))
    simulation.run_minutes(16, 17)
    attempts = {step.document.attempt_id for step in simulation.steps if isinstance(step, RunHook)}
    assert (get_types(simulation), len(attempts)) == ([RunHook, RunHook, Stop], 1)


def test_activity_after_the_claim_cancels_the_stop_only_until_the_hook_was_sent() -> None:
    busy = NoLongerIdle(EventReason(code=EventCode.BUSY, message="The CPU is active."))
    cancelled = Simulation(with_hook(build_instance()), call=lambda _: busy)
    cancelled.run_minutes(1, CLAIMED_AT, build_heartbeat)
    assert (get_types(cancelled), cancelled.instance.phase) == ([RunHook], Phase.READY)
    assert cancelled.instance.claim is None
    stubborn = claimed(SimulatedAws(faults={Stop: CallAccepted()}))
    stubborn.run_minutes(16, 25)
    stops = [step for step in stubborn.steps if isinstance(step, Stop)]
    assert len(stops) > 2
    assert not any(step.if_still_idle for step in stops), "the hook itself is activity"


def test_instance_that_stops_itself_during_the_hook_is_reported_as_stopped_before_its_end() -> None:
    aws = SimulatedAws(document_duration=timedelta(hours=1))
    simulation = claimed(aws)
    aws.state = Ec2State.STOPPED
    assert simulation.run_until(Phase.STOPPED, 16, 17) == 16
    (message,) = simulation.list_messages(EventCode.BEFORE_STOP_FAILED)
    assert "stopped before its end was reported" in message
    assert get_types(simulation) == [RunHook], "there is nothing left to stop"


def test_keep_during_the_hook_is_refused() -> None:
    simulation = claimed(SimulatedAws())
    with pytest.raises(Conflict):
        keep.request_keep(simulation.instance, get_time(60), ADA, Limits(), get_time(CLAIMED_AT))


def test_deadlines_of_the_stop_count_from_its_call() -> None:
    simulation = claimed(SimulatedAws(document_duration=timedelta(hours=1), faults={Stop: CallAccepted()}))
    simulation.run_minutes(16, CLAIMED_AT + 2 + 9)
    assert not any(step.force for step in simulation.steps if isinstance(step, Stop))
    simulation.run_minutes(CLAIMED_AT + 2 + 10, CLAIMED_AT + 2 + 12)
    assert any(step.force for step in simulation.steps if isinstance(step, Stop))


def test_termination_does_not_wait_for_the_hook() -> None:
    aws = SimulatedAws(document_duration=timedelta(hours=1))
    simulation = claimed(aws)
    simulation.apply_change(stop_start.request_termination(simulation.instance, ADA, get_time(CLAIMED_AT)))
    assert simulation.run_until(Phase.TERMINATING, CLAIMED_AT, CLAIMED_AT) == CLAIMED_AT


def test_stop_by_a_person_and_instance_without_hook_run_none() -> None:
    simulation = Simulation(with_hook(build_instance()), aws=SimulatedAws())
    simulation.apply_change(stop_start.request_stop(simulation.instance, ADA, get_time(0)))
    simulation.run_minutes(0, 1)
    assert get_types(simulation) == [Stop]
    plain = Simulation(aws=SimulatedAws())
    plain.run_minutes(1, CLAIMED_AT, build_heartbeat)
    assert plain.steps == [Stop(if_still_idle=True)]


@pytest.mark.parametrize("reason", ["lifetime", "failed"])
def test_stops_at_the_end_of_the_lifetime_and_after_a_failed_setup_run_the_hook(reason: str) -> None:
    instance = build_instance(max_hours=1)
    if reason == "failed":
        instance = replace(instance, phase=Phase.FAILED, lifetime=Lifetime())
    simulation = Simulation(with_hook(instance), aws=SimulatedAws())
    simulation.run_until(Phase.STOPPED, 1, 70, lambda minute: build_heartbeat(minute, active="gpu"))
    assert get_hook_step(simulation).document.parameters["stopReason"] == reason
    warning = EventCode.LIFETIME_WARNING if reason == "lifetime" else EventCode.FAILED_WARNING
    assert HOOK in simulation.list_messages(warning)[0]


def test_dry_run_sends_no_hook() -> None:
    simulation = Simulation(with_hook(build_instance()), mode=Mode.DRY_RUN, aws=SimulatedAws())
    simulation.run_minutes(1, 20, build_heartbeat)
    assert (simulation.steps, simulation.instance.phase) == ([], Phase.READY)


def test_hook_before_a_spot_interruption_has_half_the_time() -> None:
    instance = with_hook(build_instance())
    reason = EventReason(code=EventCode.STOP_REQUESTED, message="EC2 interrupts it.")
    plan = run_hook_first(begin_action(instance, ClaimAction.STOP, reason, get_time(1)), StopReason.SPOT, get_time(1))
    assert isinstance(plan.step, RunHook)
    assert (plan.step.document.parameters["seconds"], plan.step.document.parameters["stopReason"]) == ("50", "spot")
    simulation = Simulation(plan.instance, aws=SimulatedAws())
    simulation.decide(1.9)
    assert simulation.steps == []
    simulation.decide(2)
    assert get_types(simulation) == [Stop]


def test_heartbeat_response_carries_the_path_for_a_self_stop() -> None:
    assert build_response(with_hook(build_instance()), DeskSettings()).before_stop_hook == HOOK
    assert build_response(build_instance(), DeskSettings()).before_stop_hook is None
