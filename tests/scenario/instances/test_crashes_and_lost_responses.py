"""Scenario tests of crashes, lost responses and repeated events: one request launches one instance; none is lost."""

from collections.abc import Callable

import pytest

from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.instances.plan import Launch, Outcome, ResolveLaunch, SendDocument, Start, Step, Stop, Terminate
from chalicelib.domain.instances.record import Phase
from chalicelib.store.desk import DeskModel
from chalicelib.store.dynamo import VersionConflict
from local.aws.core.timing import AwsTiming
from tests.support.world import ADA, MINUTE, World, machine_id, world


class Crashed(BaseException):
    """The function ended at once: no handler catches this."""


def crash_after_first_calls(*kinds: type[Step]) -> Callable[[Step, Outcome], None]:
    """Return a crash after the first call of each kind."""
    remaining = set(kinds)

    def crash(step: Step, outcome: Outcome) -> None:
        if type(step) in remaining:
            remaining.remove(type(step))
            raise Crashed

    return crash


def survive(desk: World, minutes: int = 1) -> int:
    """Let minutes pass, and return how many sweeps crashed."""
    crashes = 0
    for _ in range(minutes):
        try:
            desk.minute()
        except Crashed:
            crashes += 1
            desk.clock.advance(2 * MINUTE)  # the lease of the sweep that crashed expires
    return crashes


def test_crash_after_each_call_of_a_launch_launches_once(desk: World) -> None:
    desk.crashing(crash_after_first_calls(ResolveLaunch, Launch, SendDocument))
    instance = desk.launch()
    assert survive(desk, minutes=6) == 3
    instance = desk.until(instance, Phase.READY)
    assert desk.ec2_ids() == [machine_id(instance)]
    assert desk.cloud.calls["ec2:RunInstances"] <= 2


def test_crash_after_stop_start_and_terminate_is_repaired(desk: World) -> None:
    instance = desk.ready()
    desk.crashing(crash_after_first_calls(Stop, Start, Terminate))
    desk.desk.instances.stop(ADA, instance.id)
    assert survive(desk, minutes=2) == 1
    assert desk.look(instance).phase is Phase.STOPPED
    desk.desk.instances.start(ADA, instance.id)
    assert survive(desk, minutes=3) == 1
    assert desk.look(instance).phase is Phase.READY
    desk.desk.instances.terminate(ADA, instance.id)
    assert survive(desk, minutes=3) == 1
    assert desk.look(instance).phase is Phase.TERMINATED
    assert desk.ec2_ids() == []


def test_lost_response_to_a_launch_loses_no_instance(desk: World) -> None:
    desk.cloud.faults.drop_response("RunInstances", times=2)
    instance = desk.ready()
    assert desk.ec2_ids() == [machine_id(instance)]


def test_lost_response_to_any_other_call_is_harmless(desk: World) -> None:
    for operation in ("SendCommand", "StopInstances", "StartInstances", "TerminateInstances"):
        desk.cloud.faults.drop_response(operation)
    instance = desk.ready()
    desk.desk.instances.stop(ADA, instance.id)
    desk.until(instance, Phase.STOPPED, minutes=6)
    desk.desk.instances.start(ADA, instance.id)
    desk.until(instance, Phase.READY, minutes=6)
    desk.desk.instances.terminate(ADA, instance.id)
    desk.until(instance, Phase.TERMINATED, minutes=6)


def test_throttled_calls_only_delay_a_launch(desk: World) -> None:
    for operation in ("RunInstances", "SendCommand", "DescribeInstances", "DescribeInstanceInformation"):
        desk.cloud.faults.inject(operation, "RequestLimitExceeded", times=2)
    desk.ready()
    assert len(desk.ec2_ids()) == 1


def test_launched_instance_that_ec2_does_not_show_yet_is_not_launched_again() -> None:
    with world(AwsTiming(launch_hidden_for=3 * MINUTE)) as desk:
        instance = desk.ready()
        assert desk.ec2_ids() == [machine_id(instance)]


def test_cancelled_launch_whose_response_was_lost_is_found_and_terminated() -> None:
    with world(AwsTiming(launch_hidden_for=3 * MINUTE)) as desk:
        desk.cloud.faults.drop_response("RunInstances")
        instance = desk.launch()
        desk.minute()
        desk.desk.instances.terminate(ADA, instance.id)
        desk.until(instance, Phase.TERMINATED, minutes=20, sweep_every=5)
        assert desk.cloud.calls["ec2:RunInstances"] == 1
        assert desk.ec2_ids() == []


def test_of_two_decisions_at_once_only_one_is_written(desk: World) -> None:
    reconciler = desk.desk.reconciler
    rules = reconciler.load_context()
    instance = desk.launch()
    desk.minute()
    desk.clock.advance(MINUTE)
    stale = desk.look(instance)
    observation = reconciler.observer.observe(stale)
    desk.desk.reconciler.reconcile(instance.id)
    with pytest.raises(VersionConflict):
        reconciler.run_once(stale, observation, rules)
    assert desk.cloud.calls["ec2:RunInstances"] == 1
    assert desk.cloud.calls["ssm:SendCommand"] == 1


def test_termination_while_a_launch_is_resolved_closes_the_record_once(desk: World) -> None:
    def terminate(step: Step, outcome: Outcome) -> None:
        if isinstance(step, ResolveLaunch):
            desk.desk.instances.terminate(ADA, instance.id)
            desk.desk.reconciler.reconcile(instance.id)

    instance = desk.launch(name="otter")
    desk.crashing(terminate)
    desk.minute(3)
    assert desk.look(instance).phase is Phase.TERMINATED
    assert desk.codes(instance).count("cancelled") == 1
    assert DeskModel.get("count#ada").number == 0
    assert desk.ec2_ids() == []


def test_termination_during_a_start_that_fails_is_not_lost(desk: World) -> None:
    def terminate(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Start):
            desk.desk.instances.terminate(ADA, instance.id)

    instance = desk.stopped()
    desk.cloud.faults.inject("StartInstances", "VcpuLimitExceeded")
    desk.desk.instances.start(ADA, instance.id)
    desk.crashing(terminate)
    desk.until(instance, Phase.TERMINATED, minutes=6)


def test_repeated_reconciles_change_nothing(desk: World) -> None:
    instance = desk.launch()
    for _ in range(3):
        desk.desk.reconciler.reconcile(instance.id)
    instance = desk.until(instance, Phase.READY)
    before = len(desk.timeline(instance))
    for _ in range(3):
        desk.desk.reconciler.reconcile(instance.id)
        desk.desk.reconciler.reconcile_ec2(machine_id(instance))
    assert len(desk.timeline(instance)) == before
    assert desk.cloud.calls["ec2:RunInstances"] == 1


def test_repeated_request_launches_once(desk: World) -> None:
    first = desk.launch(key="k1")
    assert desk.launch(key="k1").id == first.id
    assert desk.launch(key="k2").id != first.id
    request = desk.launch(gpu="A10G")
    assert desk.launch(gpu="A10G").id == request.id, "an equal request within two minutes is the same request"
    desk.clock.advance(3 * MINUTE)
    assert desk.launch(gpu="A10G").id != request.id


def test_name_in_use_is_refused_and_free_again_after_the_termination(desk: World) -> None:
    first = desk.launch(name="my-gpu")
    with pytest.raises(Conflict, match="my-gpu is in use"):
        desk.launch(name="my-gpu", gpu="A10G")
    desk.desk.instances.terminate(ADA, "my-gpu")
    desk.desk.reconciler.reconcile(first.id)
    assert desk.look(first).phase is Phase.TERMINATED
    assert desk.launch(name="my-gpu", key="again").id != first.id


def test_terminated_instances_do_not_count_towards_the_limit_of_an_owner(desk: World) -> None:
    launched = [desk.launch(key=str(number)) for number in range(10)]
    with pytest.raises(Conflict, match="10 instances, which is the limit"):
        desk.launch(key="one more")
    desk.desk.instances.terminate(ADA, launched[0].id)
    desk.desk.reconciler.reconcile(launched[0].id)
    assert desk.look(launched[0]).phase is Phase.TERMINATED
    desk.launch(key="one more")
