"""Orders out, wishes and evidence in: what a machine may ask for, and what it is told (invariants 6 and 8)."""

from datetime import timedelta

from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import KeepRequest, SelfStopStatus
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.instances.record import Instance, Phase
from local.machines.host.simulated import SimulatedMachines
from tests.support.world import ADA, ADMIN, MINUTE, World, get_ec2_id, open_world


def orders(desk: World, instance: Instance) -> HeartbeatResponse:
    """What the machine's next heartbeat would be answered with."""
    heartbeat = desk.application.reconciler.stores.heartbeats.get(desk.build_heartbeat_key(get_ec2_id(instance)))
    assert heartbeat is not None
    assert heartbeat.response is not None
    return heartbeat.response


def test_a_machine_knows_policy_and_mode_from_its_first_heartbeat_on(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=20, warning_minutes=6)
    told = orders(desk, instance)
    assert (told.mode, told.policy.idle_minutes, told.policy.warning_minutes) == ("enforce", 20, 6)


def test_a_changed_policy_a_keep_a_warning_and_the_mode_reach_the_machine(desk: World) -> None:
    instance = desk.launch_until_warned()
    assert instance.warning is not None
    warning = orders(desk, instance).warning
    assert warning is not None
    assert warning.id == instance.warning.id
    desk.application.instances.keep(ADA, instance.id, hours=4, until=None)
    desk.application.instances.update_policy(ADA, instance.id, PolicyOverride(idle_minutes=45))
    desk.application.reconciler.reconcile(instance.id)
    told = orders(desk, instance)
    assert told.warning is None
    assert told.keep_until == desk.load(instance).lifetime.keep_until
    assert told.policy.idle_minutes == 45
    desk.pause()
    desk.pass_minutes()
    assert orders(desk, instance).mode == "paused"


def test_a_pass_with_no_news_gives_no_orders(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.pass_minutes(3)
    before = desk.cloud.calls["dynamodb:UpdateItem"]
    desk.pass_minutes(3)
    assert desk.load(instance).phase is Phase.READY
    assert desk.cloud.calls["dynamodb:UpdateItem"] - before == 3 * 2, "each sweep acquires and completes its lease"


def test_a_keep_that_is_asked_for_on_the_machine_is_granted_once_and_answered(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.keep_request = KeepRequest(id="w1", hours=1)
    desk.pass_minutes(3)
    current = desk.load(instance)
    assert current.warning is None
    assert current.lifetime.keep_until is not None
    assert current.lifetime.keep_requested_by == "somebody on the instance"
    assert desk.list_codes(instance).count("keep_granted") == 1
    answer = orders(desk, instance).keep_result
    assert answer is not None
    assert (answer.id, answer.granted) == ("w1", True)
    desk.keep_request = None
    desk.pass_minutes(20)
    assert desk.load(instance).phase is Phase.READY


def test_what_a_machine_asks_for_never_moves_its_maximum_hours(desk: World) -> None:
    instance = desk.launch_until_ready(max_hours=2)
    end = instance.lifetime_ends_at
    desk.keep_request = KeepRequest(id="w1", hours=1000)
    desk.pass_minutes(2)
    current = desk.load(instance)
    assert current.lifetime_ends_at == end
    assert current.lifetime.keep_until == end
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=150, sweep_every=5)


def test_a_keep_on_the_machine_is_refused_in_words_where_the_time_is_over(desk: World) -> None:
    desk.set_limits(keep_hours=1)
    instance = desk.launch_until_ready(max_hours=1)
    desk.application.instances.keep(ADMIN, instance.id, hours=1, until=None)
    desk.pass_minutes(57, sweep_every=3)
    desk.keep_request = KeepRequest(id="late", hours=1)
    desk.pass_minutes(2)
    answer = orders(desk, instance).keep_result
    assert answer is not None
    assert not answer.granted
    assert answer.message == "the maximum lifetime of 1 hour is over"


def test_a_reboot_is_seen_told_and_voids_what_was_known(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.pass_minutes(25)
    desk.reboot_instances()
    desk.pass_minutes(8)
    assert "rebooted" in desk.list_codes(instance)
    assert desk.load(instance).warning is None, "the window begins anew"


def test_a_machine_that_stopped_itself_is_told_apart_from_one_that_was_stopped_by_hand(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.self_stop = SelfStopStatus(stop_at=desk.now, stopping_now=True)
    desk.send_heartbeats()
    desk.power_off(get_ec2_id(instance))
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    assert "self_stopped" in desk.list_codes(instance)
    assert instance.spec.desired == "stopped"


def test_a_start_after_a_stop_begins_with_no_evidence_and_no_answer(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.keep_request = KeepRequest(id="w1", hours=0.5)
    desk.pass_minutes(2)
    desk.keep_request = None
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED)
    desk.application.instances.start(ADA, instance.id)
    desk.reboot_instances()
    instance = desk.wait_for_phase(instance, Phase.READY)
    began = desk.now
    assert (instance.observed.boot_id, instance.keep_result) == (None, None)
    instance = desk.wait_until(instance, lambda now: now.warning is not None, minutes=40)
    assert desk.now - began >= timedelta(minutes=30) - MINUTE


def test_a_machine_that_asks_without_end_does_not_hold_up_the_end_of_its_life(desk: World) -> None:
    desk.activity["cpu"] = SignalState.ACTIVE
    instance = desk.launch_until_ready(max_hours=1)
    for minute in range(75):
        desk.keep_request = KeepRequest(id=f"w{minute}", hours=1)
        desk.pass_minutes()
        if desk.load(instance).phase is not Phase.READY:
            break
    assert "lifetime_warning" in desk.list_codes(instance)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)


def test_a_keep_on_a_machine_whose_setup_failed_is_granted_too() -> None:
    machines = SimulatedMachines()
    machines.outcomes["gpudesk-jupyter"] = [(1, "", "no route to host")] * 3
    with open_world(machines=machines) as desk:
        instance = desk.wait_for_phase(desk.launch(recipe="jupyter"), Phase.FAILED)
        desk.keep_request = KeepRequest(id="w1", hours=2)
        desk.pass_minutes(30)
        assert desk.load(instance).phase is Phase.FAILED
        answer = orders(desk, instance).keep_result
        assert answer is not None
        assert answer.granted


def test_a_start_by_the_desk_is_no_reboot(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.pass_minutes(2)
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    desk.application.instances.start(ADA, instance.id)
    heartbeat, desk.send_heartbeats = desk.send_heartbeats, lambda: None  # type: ignore[method-assign]
    desk.wait_for_phase(instance, Phase.READY, minutes=8)
    desk.pass_minutes()
    desk.send_heartbeats = heartbeat  # type: ignore[method-assign]
    desk.reboot_instances()
    desk.pass_minutes(2)
    assert "rebooted" not in desk.list_codes(instance)


def test_a_machine_that_is_being_stopped_is_not_told_that_its_warning_is_withdrawn(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(5)
    desk.cloud.faults.inject("StopInstances", "InternalError", times=1)
    desk.wait_for_phase(instance, Phase.STOPPING, minutes=3)
    assert orders(desk, instance).warning is not None


def test_where_gpus_alone_count_and_there_are_none_all_other_signals_do(desk: World) -> None:
    instance = desk.launch_until_ready(instance_type="m7i.large", signals=("gpu",), idle_minutes=5, warning_minutes=5)
    desk.activity["cpu"] = SignalState.ACTIVE
    desk.pass_minutes(8)
    assert desk.load(instance).warning is None
    desk.activity["cpu"] = SignalState.QUIET
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=20)
