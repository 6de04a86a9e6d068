"""Messages of a heartbeat besides activity: keep requests, another boot, and warnings that people have seen."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.idle.heartbeat import Acknowledgement, DecodedHeartbeat, KeepRequest
from chalicelib.domain.idle.heartbeat_response import KeepResult
from chalicelib.domain.idle.rule import ActivityState
from chalicelib.domain.idle.self_stop import LocalStatus, SelfStopAction, SelfStopState, decide_self_stop
from chalicelib.domain.instances.commands.keep import INSTANCE_USER
from chalicelib.domain.instances.lifecycle.heartbeat_messages import build_response
from chalicelib.domain.instances.lifecycle.ready import judge_instance
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.ready_instance import EC2_RUNNING
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time


def asking(hours: float, active: str | None = None) -> Callable[[int], DecodedHeartbeat]:
    """Return heartbeats with a keep request that is new in every minute."""
    return lambda minute: replace(
        build_heartbeat(minute, active=active), keep_request=KeepRequest(id=f"w{minute}", hours=hours)
    )


def on_cpu_type(instance: Instance, *signals: str) -> Instance:
    """Return the instance without a GPU and with other enabled signals."""
    spec = instance.spec
    hardware = replace(spec.hardware, gpu=None, gpu_count=0, nvidia_gpu_count=0)
    policy = replace(spec.policy, idle=replace(spec.policy.idle, signals=signals))
    return replace(instance, spec=replace(spec, hardware=hardware, policy=policy))


def test_keep_request_is_granted_once_and_cancels_the_warning() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 10, build_heartbeat)
    assert simulation.instance.warning is not None
    request = KeepRequest(id="w1", hours=1)
    simulation.run_minutes(11, 13, lambda minute: replace(build_heartbeat(minute), keep_request=request))
    assert simulation.instance.warning is None
    assert (simulation.instance.lifetime.keep_until, simulation.instance.lifetime.keep_requested_by) == (
        get_time(71),
        INSTANCE_USER,
    )
    assert simulation.count_entries(EventCode.KEEP_GRANTED) == 1
    assert simulation.instance.keep_result == KeepResult(
        id="w1", granted=True, message="kept until 2026-01-05 10:11 UTC"
    )
    simulation.run_minutes(14, 70, build_heartbeat)
    assert simulation.instance.phase is Phase.READY


def test_keep_request_never_moves_the_maximum_lifetime() -> None:
    simulation = Simulation(build_instance(max_hours=2))
    end = simulation.instance.lifetime_ends_at
    simulation.decide(1, asking(hours=1000)(1))
    assert (simulation.instance.lifetime.keep_until, simulation.instance.lifetime_ends_at) == (end, end)
    assert simulation.run_until(Phase.STOPPING, 2, 130, build_heartbeat) == 120


def test_keep_requests_without_end_do_not_delay_the_end_of_the_lifetime() -> None:
    simulation = Simulation(build_instance(max_hours=1))
    assert simulation.run_until(Phase.STOPPING, 1, 75, asking(hours=1, active="cpu")) == 60
    assert simulation.count_entries(EventCode.LIFETIME_WARNING) == 1


def test_keep_request_after_the_maximum_lifetime_is_refused_with_the_reason() -> None:
    kept = replace(build_instance().lifetime, keep_until=get_time(90))
    simulation = Simulation(replace(build_instance(max_hours=1), lifetime=kept))
    simulation.decide(61, asking(hours=1)(61))
    message = "the maximum lifetime of 1 hour is over"
    assert simulation.instance.keep_result == KeepResult(id="w61", granted=False, message=message)


def test_reboot_is_recorded_and_the_idle_window_begins_anew() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 8, build_heartbeat)

    def rebooted(minute: int) -> DecodedHeartbeat:
        return replace(build_heartbeat(minute, since=9), boot_id="boot-2")

    simulation.run_minutes(9, 18, rebooted)
    assert (simulation.count_entries(EventCode.REBOOTED), simulation.instance.warning) == (1, None)
    simulation.decide(19, rebooted(19))
    assert simulation.instance.warning is not None


def test_warning_that_nobody_could_see_on_a_terminal_is_not_delivered() -> None:
    simulation = Simulation()
    simulation.run_minutes(1, 10, build_heartbeat)
    assert simulation.instance.warning is not None
    shown = Acknowledgement(warning_id=simulation.instance.warning.id)
    simulation.decide(11, replace(build_heartbeat(11), acknowledged=shown))
    assert not simulation.instance.warning.deliveries
    seen = replace(shown, terminals=3, jupyter_servers=1)
    simulation.decide(12, replace(build_heartbeat(12), acknowledged=seen))
    assert [delivery.channel for delivery in simulation.instance.warning.deliveries] == ["terminals", "jupyterlab"]


def test_without_a_gpu_every_other_signal_counts_if_only_gpus_are_enabled() -> None:
    simulation = Simulation(on_cpu_type(build_instance(), "gpu"))
    simulation.run_minutes(1, 20, lambda minute: build_heartbeat(minute, active="cpu"))
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)
    assert simulation.run_until(Phase.STOPPING, 21, 40, build_heartbeat) == 26


@pytest.mark.parametrize(
    ("gpu_count", "is_required", "self_stops"), [(0, False, True), (1, True, False), (None, True, False)]
)
def test_desk_and_instance_judge_a_missing_gpu_signal_by_the_same_expected_count(
    gpu_count: int | None, *, is_required: bool, self_stops: bool
) -> None:
    instance = build_instance()
    hardware = replace(instance.spec.hardware, nvidia_gpu_count=gpu_count)
    instance = replace(instance, spec=replace(instance.spec, hardware=hardware))
    response = build_response(instance, DeskSettings())
    assert ("gpu" in response.policy.signals, "gpu" in instance.spec.enabled_signals) == (is_required, is_required)
    heartbeat = build_heartbeat(60)
    heartbeat = replace(heartbeat, signals={name: it for name, it in heartbeat.signals.items() if name != "gpu"})
    status = LocalStatus(heartbeat, is_setting_up=False)
    state = SelfStopState(get_time(0), get_time(60), response.policy, get_time(0))
    decision = decide_self_stop(state, status, response, get_time(60))
    assert (decision.action is SelfStopAction.STOP) == self_stops
    judgment = judge_instance(instance, Observation(ec2=EC2_RUNNING, heartbeat=heartbeat), get_time(60))
    assert (judgment.state is ActivityState.IDLE) == self_stops
