"""A stop is done when EC2 says stopped (invariant 7), nobody is stopped unwarned (5), and a keep in time wins (6)."""

from datetime import timedelta

import pytest

from chalicelib.domain.common.errors import Conflict, ValidationFailed
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.plan import Outcome, Step, Stop
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.warning import WarningType
from tests.support.world import ADA, MINUTE, World, get_ec2_id


def test_a_stop_that_aws_acknowledges_and_does_not_do_is_asked_for_again(desk: World) -> None:
    desk.cloud.faults.acknowledge_only("StopInstances", times=2)
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.pass_minutes(2)
    assert desk.load(instance).phase is Phase.STOPPING
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=10)
    assert desk.cloud.calls["ec2:StopInstances"] == 3


def test_a_stop_that_never_comes_about_is_forced_and_alarmed_and_costs_on(desk: World) -> None:
    desk.cloud.faults.acknowledge_only("StopInstances", times=1000)
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.pass_minutes(25)
    assert desk.load(instance).phase is Phase.STOPPING
    assert desk.list_codes(instance).count("stop_overdue") == 1
    before = desk.get_snapshot(instance).cost_so_far
    desk.pass_minutes(10)
    assert desk.get_snapshot(instance).cost_so_far - before > desk.load(instance).billing.rates.instance * 9 / 60


def test_a_keep_before_the_claim_wins(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(5)
    desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
    desk.pass_minutes(30, sweep_every=5)
    assert desk.load(instance).phase is Phase.READY
    assert "warning_cancelled" in desk.list_codes(instance)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=75, sweep_every=5)
    assert desk.list_codes(instance).count("idle_warning") == 2, "after the keep it is warned anew"


def test_a_keep_between_the_decision_and_the_claim_wins(desk: World) -> None:
    reconciler = desk.application.reconciler
    rules = reconciler.load_context()
    instance = desk.launch_until_warned()
    desk.pass_minutes(5)
    desk.clock.advance(MINUTE)
    desk.send_heartbeat(get_ec2_id(instance))
    decided_on = desk.load(instance)
    observation = reconciler.observer.observe(decided_on)
    assert isinstance(reconciler.plan(decided_on, observation, rules).step, Stop)
    desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
    with pytest.raises(Exception, match="changed since"):
        reconciler.run_once(decided_on, observation, rules)
    assert desk.cloud.calls["ec2:StopInstances"] == 0


def test_a_keep_after_the_claim_is_refused_with_the_way_to_start_again(desk: World) -> None:
    refusals: list[str] = []

    def keep_too_late(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Stop):
            with pytest.raises(Conflict) as refusal:
                desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
            refusals.append(refusal.value.message)

    instance = desk.launch_until_warned()
    desk.crash_after_calls(keep_too_late)
    desk.wait_for_phase(instance, Phase.STOPPED)
    assert "To start it again, send POST /instances/" in refusals[0]


def test_activity_between_the_claim_and_the_call_withdraws_the_stop(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(5)
    desk.clock.advance(MINUTE)
    desk.send_heartbeat(get_ec2_id(instance))
    reconciler = desk.application.reconciler
    observation = reconciler.observer.observe(desk.load(instance))
    desk.activity["jupyter"] = SignalState.ACTIVE
    desk.send_heartbeat(get_ec2_id(instance), at=(desk.now + timedelta(seconds=1)).isoformat())
    desk.clock.advance(timedelta(seconds=2))
    desk.send_heartbeat(get_ec2_id(instance))
    reconciler.run_once(desk.load(instance), observation, reconciler.load_context())
    assert desk.cloud.calls["ec2:StopInstances"] == 0
    assert desk.load(instance).phase is Phase.READY
    assert desk.list_codes(instance)[-2:] == ["stop_initiated", "stop_cancelled"]


def test_activity_after_the_warning_withdraws_it_and_says_so(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.activity["gpu"] = SignalState.ACTIVE
    desk.pass_minutes(2)
    assert desk.load(instance).warning is None
    assert "gpu is active" in desk.list_timeline(instance)[-1].message


def test_a_lifetime_ends_after_a_warning_also_for_a_busy_instance(desk: World) -> None:
    desk.activity["gpu"] = SignalState.ACTIVE
    instance = desk.launch_until_ready(max_hours=1)
    instance = desk.wait_until(instance, lambda now: now.warning is not None)
    assert instance.warning is not None
    assert instance.warning.warning_type is WarningType.LIFETIME
    assert instance.warning.stop_at == instance.lifetime_ends_at
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=13)
    assert "stop_initiated" in desk.list_codes(instance)


def test_a_keep_moves_the_lifetime_but_not_past_the_limit(desk: World) -> None:
    desk.activity["gpu"] = SignalState.ACTIVE
    instance = desk.launch_until_ready(max_hours=1)
    desk.application.instances.keep(ADA, instance.id, hours=2, until=None)
    desk.pass_minutes(70, sweep_every=5)
    assert desk.load(instance).phase is Phase.READY
    with pytest.raises(ValidationFailed, match="at most 72 hours"):
        desk.application.instances.keep(ADA, instance.id, hours=73, until=None)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=75, sweep_every=5)


def test_no_stop_is_claimed_without_a_warning_before(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch_until_ready(idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    lines = desk.list_timeline(instance)
    warned = next(line for line in lines if line.code == "idle_warning")
    claimed = next(line for line in lines if line.code == "stop_initiated")
    assert claimed.at - warned.at >= timedelta(minutes=5)


def test_a_person_s_stop_needs_no_warning_and_a_second_one_changes_nothing(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    desk.application.instances.stop(ADA, instance.id)
    assert desk.list_codes(instance).count("stop_requested") == 1


def test_a_start_during_a_stop_follows_it(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.application.reconciler.reconcile(instance.id)
    claim = desk.load(instance).claim
    assert claim is not None
    assert claim.action is ClaimAction.STOP
    desk.application.instances.start(ADA, instance.id)
    desk.wait_until(instance, lambda now: "start_initiated" in desk.list_codes(now), minutes=5)
    desk.wait_for_phase(instance, Phase.READY, minutes=5)


def test_a_crash_between_claim_and_call_stops_nobody_who_came_back_meanwhile(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(5)
    desk.cloud.faults.inject("StopInstances", "InternalError", times=100)
    desk.wait_for_phase(instance, Phase.STOPPING, minutes=3)
    desk.cloud.faults.clear()
    desk.activity["cpu"] = SignalState.ACTIVE
    for _ in range(11):
        desk.clock.advance(MINUTE)
        desk.send_heartbeats()
    desk.pass_minutes()
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    assert desk.load(instance).phase is Phase.READY
    assert "stop_cancelled" in desk.list_codes(instance)


def test_activity_that_no_sweep_saw_voids_the_warning_before_it(desk: World) -> None:
    instance = desk.launch_until_warned()
    for minute in range(30):
        desk.activity["cpu"] = SignalState.ACTIVE if minute < 20 else SignalState.QUIET
        desk.clock.advance(MINUTE)
        desk.send_heartbeats()
    desk.pass_minutes()
    assert desk.load(instance).phase is Phase.READY
    assert desk.list_codes(instance)[-2:] == ["warning_cancelled", "idle_warning"], "it is warned anew"


def test_a_shorter_keep_takes_nothing_from_a_longer_one(desk: World) -> None:
    instance = desk.launch_until_ready()
    longer = desk.application.instances.keep(ADA, instance.id, hours=6, until=None)
    desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
    assert desk.load(instance).lifetime.keep_until == longer.lifetime.keep_until
    assert desk.list_codes(instance).count("keep_granted") == 1
    with pytest.raises(ValidationFailed, match="at least 1 minute"):
        desk.application.instances.keep(ADA, instance.id, hours=1e-9, until=None)


def test_a_keep_lasts_until_its_time_whatever_stops_and_starts_lie_between(desk: World) -> None:
    instance = desk.launch_until_ready(idle_minutes=5, warning_minutes=5)
    kept = desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
    desk.ec2.stop_instances(InstanceIds=[get_ec2_id(instance)])
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    desk.ec2.start_instances(InstanceIds=[get_ec2_id(instance)])
    desk.wait_for_phase(instance, Phase.READY, minutes=8)
    desk.pass_minutes(15)
    assert desk.load(instance).lifetime.keep_until == kept.lifetime.keep_until
    assert desk.load(instance).phase is Phase.READY


def test_each_asking_again_is_in_the_timeline_and_force_is_said(desk: World) -> None:
    desk.cloud.faults.acknowledge_only("StopInstances", times=6)
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=16)
    again = [line.message for line in desk.list_timeline(instance) if line.code == "stop_retried"]
    assert len(again) == 6
    assert "by force" in again[-1]
    assert "by force" not in again[0]
