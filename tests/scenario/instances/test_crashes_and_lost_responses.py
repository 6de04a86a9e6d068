"""Scenario tests of crashes, lost responses and repeated events: one request launches one instance; none is lost."""

from collections.abc import Callable

import pytest

from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Launch, ResolveLaunch, SendDocument, Start, Step, Stop, Terminate
from chalicelib.domain.instances.record import Phase
from chalicelib.store.conflicts import VersionConflict
from chalicelib.store.desk import DeskModel
from local.aws.core.timing import AwsTiming
from tests.support.world import ADA, MINUTE, World, get_ec2_id, open_world


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
            desk.pass_minutes()
        except Crashed:
            crashes += 1
            desk.clock.advance(2 * MINUTE)  # the lease of the sweep that crashed expires
    return crashes


def test_crash_after_each_call_of_a_launch_launches_once(desk: World) -> None:
    desk.crash_after_calls(crash_after_first_calls(ResolveLaunch, Launch, SendDocument))
    instance = desk.launch()
    assert survive(desk, minutes=6) == 3
    instance = desk.wait_for_phase(instance, Phase.READY)
    assert desk.list_ec2_ids() == [get_ec2_id(instance)]
    assert desk.cloud.calls["ec2:RunInstances"] <= 2


def test_crash_after_stop_start_and_terminate_is_repaired(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.crash_after_calls(crash_after_first_calls(Stop, Start, Terminate))
    desk.application.instances.stop(ADA, instance.id)
    assert survive(desk, minutes=2) == 1
    assert desk.load(instance).phase is Phase.STOPPED
    desk.application.instances.start(ADA, instance.id)
    assert survive(desk, minutes=3) == 1
    assert desk.load(instance).phase is Phase.READY
    desk.application.instances.terminate(ADA, instance.id)
    assert survive(desk, minutes=3) == 1
    assert desk.load(instance).phase is Phase.TERMINATED
    assert desk.list_ec2_ids() == []


def test_lost_response_to_a_launch_loses_no_instance(desk: World) -> None:
    desk.cloud.faults.drop_response("RunInstances", times=2)
    instance = desk.launch_until_ready()
    assert desk.list_ec2_ids() == [get_ec2_id(instance)]


def test_lost_response_to_any_other_call_is_harmless(desk: World) -> None:
    for operation in ("SendCommand", "StopInstances", "StartInstances", "TerminateInstances"):
        desk.cloud.faults.drop_response(operation)
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=6)
    desk.application.instances.start(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.READY, minutes=6)
    desk.application.instances.terminate(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=6)


def test_throttled_calls_only_delay_a_launch(desk: World) -> None:
    for operation in ("RunInstances", "SendCommand", "DescribeInstances", "DescribeInstanceInformation"):
        desk.cloud.faults.inject(operation, "RequestLimitExceeded", times=2)
    desk.launch_until_ready()
    assert len(desk.list_ec2_ids()) == 1


def test_cancelled_transactions_and_silent_tables_only_delay_a_launch(desk: World) -> None:
    instance = desk.launch()
    faults = desk.cloud.faults
    for reason in ("ThrottlingError", "ProvisionedThroughputExceeded"):
        faults.cancel(reason=reason)
        desk.pass_minutes()
    faults.inject("TransactWriteItems", "ReplicatedWriteConflictException")
    desk.pass_minutes()
    faults.inject_hang("TransactWriteItems")
    desk.pass_minutes()
    desk.wait_for_phase(instance, Phase.READY)
    assert len(desk.list_ec2_ids()) == 1


def test_launched_instance_that_ec2_does_not_show_yet_is_not_launched_again() -> None:
    with open_world(AwsTiming(launch_hidden_for=3 * MINUTE)) as desk:
        instance = desk.launch_until_ready()
        assert desk.list_ec2_ids() == [get_ec2_id(instance)]


def test_cancelled_launch_whose_response_was_lost_is_found_and_terminated() -> None:
    with open_world(AwsTiming(launch_hidden_for=3 * MINUTE)) as desk:
        desk.cloud.faults.drop_response("RunInstances")
        instance = desk.launch()
        desk.pass_minutes()
        desk.application.instances.terminate(ADA, instance.id)
        desk.wait_for_phase(instance, Phase.TERMINATED, minutes=20, sweep_every=5)
        assert desk.cloud.calls["ec2:RunInstances"] == 1
        assert desk.list_ec2_ids() == []


def test_of_two_decisions_at_once_only_one_is_written(desk: World) -> None:
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


def test_termination_while_a_launch_is_resolved_closes_the_record_once(desk: World) -> None:
    def terminate(step: Step, outcome: Outcome) -> None:
        if isinstance(step, ResolveLaunch):
            desk.application.instances.terminate(ADA, instance.id)
            desk.application.reconciler.reconcile(instance.id)

    instance = desk.launch(name="otter")
    desk.crash_after_calls(terminate)
    desk.pass_minutes(3)
    assert desk.load(instance).phase is Phase.TERMINATED
    assert desk.list_codes(instance).count("cancelled") == 1
    assert DeskModel.get("count#ada").number == 0
    assert desk.list_ec2_ids() == []


def test_termination_during_a_start_that_fails_is_not_lost(desk: World) -> None:
    def terminate(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Start):
            desk.application.instances.terminate(ADA, instance.id)

    instance = desk.launch_until_stopped()
    desk.cloud.faults.inject("StartInstances", "VcpuLimitExceeded")
    desk.application.instances.start(ADA, instance.id)
    desk.crash_after_calls(terminate)
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=6)


def test_repeated_reconciles_change_nothing(desk: World) -> None:
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
    desk.application.instances.terminate(ADA, "my-gpu")
    desk.application.reconciler.reconcile(first.id)
    assert desk.load(first).phase is Phase.TERMINATED
    assert desk.launch(name="my-gpu", key="again").id != first.id


def test_terminated_instances_do_not_count_towards_the_limit_of_an_owner(desk: World) -> None:
    launched = [desk.launch(key=str(number)) for number in range(10)]
    with pytest.raises(Conflict, match="10 instances that are not terminated; the limit is 10"):
        desk.launch(key="one more")
    desk.application.instances.terminate(ADA, launched[0].id)
    desk.application.reconciler.reconcile(launched[0].id)
    assert desk.load(launched[0]).phase is Phase.TERMINATED
    desk.launch(key="one more")
