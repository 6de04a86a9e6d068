"""Messages of a heartbeat besides activity: keep requests, another boot, and warnings that people have seen."""

from collections.abc import Callable
from dataclasses import replace

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.idle.heartbeat import Acknowledgement, DecodedHeartbeat, KeepRequest
from chalicelib.domain.idle.heartbeat_response import KeepResult
from chalicelib.domain.instances.commands.keep import INSTANCE_USER
from chalicelib.domain.instances.record import Instance, Phase
from tests.unit.instances.simulation import Simulation, at, heartbeat, ready


def asking(hours: float, active: str | None = None) -> Callable[[int], DecodedHeartbeat]:
    """Return heartbeats with a keep request that is new in every minute."""
    return lambda minute: replace(
        heartbeat(minute, active=active), keep_request=KeepRequest(id=f"w{minute}", hours=hours)
    )


def on_cpu_type(instance: Instance, *signals: str) -> Instance:
    """Return the instance without a GPU and with other enabled signals."""
    spec = instance.spec
    hardware = replace(spec.hardware, gpu=None, gpu_count=0, nvidia_gpu_count=0)
    policy = replace(spec.policy, idle=replace(spec.policy.idle, signals=signals))
    return replace(instance, spec=replace(spec, hardware=hardware, policy=policy))


def test_keep_request_is_granted_once_and_cancels_the_warning() -> None:
    desk = Simulation()
    desk.live(1, 10, heartbeat)
    assert desk.instance.warning is not None
    request = KeepRequest(id="w1", hours=1)
    desk.live(11, 13, lambda minute: replace(heartbeat(minute), keep_request=request))
    assert desk.instance.warning is None
    assert (desk.instance.lifetime.keep_until, desk.instance.lifetime.keep_requested_by) == (at(71), INSTANCE_USER)
    assert desk.count(EventCode.KEEP_GRANTED) == 1
    assert desk.instance.keep_result == KeepResult(id="w1", granted=True, message="kept until 2026-01-05 10:11 UTC")
    desk.live(14, 70, heartbeat)
    assert desk.instance.phase is Phase.READY


def test_keep_request_never_moves_the_maximum_lifetime() -> None:
    desk = Simulation(ready(max_hours=2))
    end = desk.instance.lifetime_ends_at
    desk.decide(1, asking(hours=1000)(1))
    assert (desk.instance.lifetime.keep_until, desk.instance.lifetime_ends_at) == (end, end)
    assert desk.live_until(Phase.STOPPING, 2, 130, heartbeat) == 120


def test_keep_requests_without_end_do_not_delay_the_end_of_the_lifetime() -> None:
    desk = Simulation(ready(max_hours=1))
    assert desk.live_until(Phase.STOPPING, 1, 75, asking(hours=1, active="cpu")) == 60
    assert desk.count(EventCode.LIFETIME_WARNING) == 1


def test_keep_request_after_the_maximum_lifetime_is_refused_with_the_reason() -> None:
    kept = replace(ready().lifetime, keep_until=at(90))
    desk = Simulation(replace(ready(max_hours=1), lifetime=kept))
    desk.decide(61, asking(hours=1)(61))
    message = "the maximum lifetime of 1 hour is over"
    assert desk.instance.keep_result == KeepResult(id="w61", granted=False, message=message)


def test_reboot_is_recorded_and_the_idle_window_begins_anew() -> None:
    desk = Simulation()
    desk.live(1, 8, heartbeat)

    def rebooted(minute: int) -> DecodedHeartbeat:
        return replace(heartbeat(minute, since=9), boot_id="boot-2")

    desk.live(9, 18, rebooted)
    assert (desk.count(EventCode.REBOOTED), desk.instance.warning) == (1, None)
    desk.decide(19, rebooted(19))
    assert desk.instance.warning is not None


def test_warning_that_nobody_could_see_on_a_terminal_is_not_delivered() -> None:
    desk = Simulation()
    desk.live(1, 10, heartbeat)
    assert desk.instance.warning is not None
    shown = Acknowledgement(warning_id=desk.instance.warning.id)
    desk.decide(11, replace(heartbeat(11), acknowledged=shown))
    assert not desk.instance.warning.deliveries
    seen = replace(shown, terminals=3, jupyter_servers=1)
    desk.decide(12, replace(heartbeat(12), acknowledged=seen))
    assert [delivery.channel for delivery in desk.instance.warning.deliveries] == ["terminals", "jupyterlab"]


def test_without_a_gpu_every_other_signal_counts_if_only_gpus_are_enabled() -> None:
    desk = Simulation(on_cpu_type(ready(), "gpu"))
    desk.live(1, 20, lambda minute: heartbeat(minute, active="cpu"))
    assert (desk.instance.phase, desk.instance.warning) == (Phase.READY, None)
    assert desk.live_until(Phase.STOPPING, 21, 40, heartbeat) == 26
