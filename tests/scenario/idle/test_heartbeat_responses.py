"""Scenario tests of the heartbeat item: what gpudesk reads of it, and the response that it writes into it.

What follows from a message of a heartbeat is tested without AWS, in `tests/unit/instances/test_heartbeat_messages.py`.
"""

from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.idle.heartbeat import KeepRequest, SelfStopStatus
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.world import ADA, World, get_ec2_id


def read_response(desk: World, instance: Instance) -> HeartbeatResponse:
    """Return the response that the next heartbeat of the instance reads."""
    heartbeat = desk.application.reconciler.stores.heartbeats.get(desk.build_heartbeat_key(get_ec2_id(instance)))
    assert heartbeat is not None
    assert heartbeat.response is not None
    return heartbeat.response


def test_first_heartbeat_reads_policy_and_mode(desk: World) -> None:
    response = read_response(desk, desk.launch_until_ready(idle_minutes=20, warning_minutes=6))
    assert (response.mode, response.policy.idle_minutes, response.policy.warning_minutes) == ("enforce", 20, 6)


def test_changed_policy_keep_warning_and_mode_reach_the_instance(desk: World) -> None:
    instance = desk.launch_until_warned()
    assert instance.warning is not None
    warning = read_response(desk, instance).warning
    assert warning is not None
    assert warning.id == instance.warning.id
    desk.application.instances.keep(ADA, instance.id, hours=4, until=None)
    desk.application.instances.update_policy(ADA, instance.id, PolicyOverride(idle_minutes=45))
    desk.application.reconciler.reconcile(instance.id)
    response = read_response(desk, instance)
    assert response.warning is None
    assert response.keep_until == desk.load(instance).lifetime.keep_until
    assert response.policy.idle_minutes == 45
    desk.pause()
    desk.pass_minutes()
    assert read_response(desk, instance).mode == "paused"


def test_sweep_without_a_change_writes_no_response(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(2)
    before = desk.cloud.calls["dynamodb:UpdateItem"]
    desk.pass_minutes(2)
    assert desk.load(instance).phase is Phase.READY
    assert desk.cloud.calls["dynamodb:UpdateItem"] - before == 2 * 2, "each sweep acquires and completes its lease"


def test_keep_request_of_the_instance_is_granted_once_and_answered(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.keep_request = KeepRequest(id="w1", hours=1)
    desk.pass_minutes(2)
    current = desk.load(instance)
    assert current.warning is None
    assert current.lifetime.keep_until is not None
    assert current.lifetime.keep_requested_by == "somebody on the instance"
    assert desk.list_codes(instance).count("keep_granted") == 1
    result = read_response(desk, instance).keep_result
    assert result is not None
    assert (result.id, result.granted) == ("w1", True)


def test_instance_that_stopped_itself_is_recorded_as_such(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.self_stop = SelfStopStatus(stop_at=desk.now, stopping_now=True)
    desk.send_heartbeats()
    desk.power_off(get_ec2_id(instance))
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    assert "self_stopped" in desk.list_codes(instance)
    assert instance.spec.desired == "stopped"


def test_instance_that_is_being_stopped_still_reads_its_warning(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(5, sweep_every=5)
    desk.cloud.faults.inject("StopInstances", "InternalError", times=1)
    desk.wait_for_phase(instance, Phase.STOPPING, minutes=3)
    assert read_response(desk, instance).warning is not None
