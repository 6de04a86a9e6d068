"""Whatever interrupts the loop, one instance is launched, none is lost, and the next look goes on (invariant 2)."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.common.errors import Conflict, InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.plan import (
    Launch,
    LaunchResolved,
    Outcome,
    ResolveLaunch,
    SendDocument,
    Start,
    Step,
    Stop,
    Terminate,
)
from chalicelib.domain.instances.record import Phase
from chalicelib.store.conflicts import VersionConflict
from chalicelib.store.desk import DeskModel
from local.aws.core.timing import AwsTiming
from tests.support.world import ADA, MINUTE, World, get_ec2_id, open_world


class Crashed(BaseException):
    """The function died: nothing catches it."""


def once(kind: type[Step]) -> Callable[[Step, Outcome], None]:
    """Die after the first call of that kind."""
    died: list[Step] = []

    def crash(step: Step, outcome: Outcome) -> None:
        if isinstance(step, kind) and not died:
            died.append(step)
            raise Crashed

    return crash


def survive(desk: World, minutes: int = 1) -> None:
    for _ in range(minutes):
        try:
            desk.pass_minutes()
        except Crashed:
            desk.clock.advance(2 * MINUTE)  # the dead sweep's lease runs out


@pytest.mark.parametrize("kind", [ResolveLaunch, Launch, SendDocument])
def test_a_crash_after_any_call_of_a_launch_launches_once(desk: World, kind: type[Step]) -> None:
    desk.crash_after_calls(once(kind))
    instance = desk.launch()
    survive(desk, minutes=8)
    instance = desk.wait_for_phase(instance, Phase.READY)
    assert desk.list_ec2_ids() == [get_ec2_id(instance)]
    assert desk.cloud.calls["ec2:RunInstances"] <= 2


@pytest.mark.parametrize("kind", [Stop, Start, Terminate])
def test_a_crash_after_stop_start_or_terminate_is_repaired(desk: World, kind: type[Step]) -> None:
    instance = desk.launch_until_ready()
    desk.crash_after_calls(once(kind))
    desk.application.instances.stop(ADA, instance.id)
    survive(desk, minutes=5)
    assert desk.load(instance).phase is Phase.STOPPED
    desk.application.instances.start(ADA, instance.id)
    survive(desk, minutes=5)
    assert desk.load(instance).phase is Phase.READY
    desk.application.instances.terminate(ADA, instance.id)
    survive(desk, minutes=8)
    assert desk.load(instance).phase is Phase.TERMINATED
    assert desk.list_ec2_ids() == []


def test_a_lost_answer_to_a_launch_loses_no_instance(desk: World) -> None:
    desk.cloud.faults.drop_response("RunInstances", times=2)
    instance = desk.launch_until_ready()
    assert desk.list_ec2_ids() == [get_ec2_id(instance)]


@pytest.mark.parametrize("operation", ["SendCommand", "StopInstances", "StartInstances", "TerminateInstances"])
def test_a_lost_answer_to_any_other_call_is_harmless(desk: World, operation: str) -> None:
    desk.cloud.faults.drop_response(operation)
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=6)
    desk.application.instances.start(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.READY, minutes=6)
    desk.application.instances.terminate(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=6)


def test_throttling_only_delays(desk: World) -> None:
    for operation in ("RunInstances", "SendCommand", "DescribeInstances", "DescribeInstanceInformation"):
        desk.cloud.faults.inject(operation, "RequestLimitExceeded", times=2)
    desk.launch_until_ready()
    assert len(desk.list_ec2_ids()) == 1


def test_a_describe_that_lags_behind_the_launch_changes_nothing() -> None:
    with open_world(AwsTiming(launch_hidden_for=3 * MINUTE)) as desk:
        instance = desk.launch_until_ready()
        assert desk.list_ec2_ids() == [get_ec2_id(instance)]


def test_a_cancelled_launch_whose_answer_was_lost_is_found_and_terminated() -> None:
    with open_world(AwsTiming(launch_hidden_for=3 * MINUTE)) as desk:
        desk.cloud.faults.drop_response("RunInstances")
        instance = desk.launch()
        desk.pass_minutes()
        desk.application.instances.terminate(ADA, instance.id)
        desk.pass_minutes(20)
        assert desk.load(instance).phase is Phase.TERMINATED
        assert desk.list_ec2_ids() == []


def test_of_two_looks_at_once_one_acts(desk: World) -> None:
    reconciler = desk.application.reconciler
    rules = reconciler.load_context()
    instance = desk.launch()
    desk.pass_minutes()
    desk.clock.advance(MINUTE)
    stale = desk.load(instance)
    observation = reconciler.observer.observe(stale)
    desk.application.reconciler.reconcile(instance.id)
    with pytest.raises(VersionConflict):
        reconciler.run_once(stale, observation, rules)
    assert desk.cloud.calls["ec2:RunInstances"] == 1
    assert desk.cloud.calls["ssm:SendCommand"] == 1


def test_a_refusal_that_arrives_late_does_not_end_the_next_attempt(desk: World) -> None:
    desk.cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0)
    instance = desk.launch()
    desk.pass_minutes()
    booting = desk.load(instance)
    assert booting.launch.attempt is not None
    late = Launch(replace(booting.launch.attempt, token="an earlier attempt's", zone="us-east-1a"))
    plan = outcomes.record_outcome(
        booting, late, InsufficientCapacity("InsufficientInstanceCapacity", "late"), desk.now
    )
    assert plan.instance == booting
    for error in (QuotaExceeded("VcpuLimitExceeded", "late"), PermanentAwsError("Blocked", "late")):
        assert outcomes.record_outcome(booting, late, error, desk.now).instance == booting
    assert (
        outcomes.record_outcome(booting, ResolveLaunch(()), LaunchResolved(booting.launch.attempt), desk.now).instance
        == booting
    )


def test_a_delete_while_a_launch_is_resolved_ends_it_once(desk: World) -> None:
    def delete(step: Step, outcome: Outcome) -> None:
        if isinstance(step, ResolveLaunch):
            desk.application.instances.terminate(ADA, instance.id)
            desk.application.reconciler.reconcile(instance.id)

    instance = desk.launch(name="otter")
    desk.crash_after_calls(delete)
    desk.pass_minutes(3)
    assert desk.load(instance).phase is Phase.TERMINATED
    assert desk.list_codes(instance).count("cancelled") == 1
    assert DeskModel.get("count#ada").number == 0
    assert desk.list_ec2_ids() == []


def test_a_delete_during_a_start_that_fails_is_not_lost(desk: World) -> None:
    def delete(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Start):
            desk.application.instances.terminate(ADA, instance.id)

    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    desk.cloud.faults.inject("StartInstances", "VcpuLimitExceeded")
    desk.application.instances.start(ADA, instance.id)
    desk.crash_after_calls(delete)
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=6)


def test_an_event_that_is_delivered_twice_does_nothing_twice(desk: World) -> None:
    instance = desk.launch()
    for _ in range(3):
        desk.application.reconciler.reconcile(instance.id)
    instance = desk.wait_for_phase(instance, Phase.READY)
    before = len(desk.list_timeline(instance))
    for _ in range(3):
        desk.application.reconciler.reconcile(instance.id)
        desk.application.reconciler.reconcile_ec2(get_ec2_id(instance))
    assert len(desk.list_timeline(instance)) == before
    assert desk.cloud.calls["ec2:RunInstances"] == 1


def test_a_request_that_is_repeated_launches_once(desk: World) -> None:
    first = desk.launch(key="k1")
    assert desk.launch(key="k1").id == first.id
    assert desk.launch(key="k2").id != first.id
    wish = desk.launch(gpu="A10G")
    assert desk.launch(gpu="A10G").id == wish.id, "the same words within two minutes are the same wish"
    desk.clock.advance(3 * MINUTE)
    assert desk.launch(gpu="A10G").id != wish.id


def test_a_name_that_lives_is_refused_and_free_again_afterwards(desk: World) -> None:
    first = desk.launch(name="my-gpu")
    with pytest.raises(Conflict, match="my-gpu is in use"):
        desk.launch(name="my-gpu", gpu="A10G")
    desk.application.instances.terminate(ADA, "my-gpu")
    desk.wait_for_phase(first, Phase.TERMINATED)
    assert desk.launch(name="my-gpu", key="again").id != first.id


def test_an_owner_has_a_limit_that_terminated_ones_do_not_count_against(desk: World) -> None:
    made = [desk.launch(key=str(number)) for number in range(10)]
    with pytest.raises(Conflict, match="10 instances, which is the limit"):
        desk.launch(key="one more")
    desk.application.instances.terminate(ADA, made[0].id)
    desk.wait_for_phase(made[0], Phase.TERMINATED)
    desk.launch(key="one more")
