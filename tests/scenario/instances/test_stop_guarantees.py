"""Scenario tests of a stop: repeated until EC2 says stopped, and cancelled by a keep or activity in time.

The deadlines and the order of warning, keep and claim are tested in `tests/unit/instances/test_stopping.py`.
"""

from datetime import timedelta

import pytest

from chalicelib.domain.common.deadlines import STOP_FORCE_AFTER
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Step, Stop
from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, MINUTE, World, get_ec2_id


def test_stop_that_aws_accepts_without_effect_is_repeated(desk: World) -> None:
    desk.cloud.faults.acknowledge_only("StopInstances", times=2)
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    desk.pass_minutes(2)
    assert desk.load(instance).phase is Phase.STOPPING
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    desk.clock.advance(STOP_FORCE_AFTER)
    desk.pass_minutes()
    assert "by force" in desk.list_timeline(instance)[-1].message
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=4)
    assert desk.cloud.calls["ec2:StopInstances"] == 3


def test_keep_between_the_decision_and_the_claim_wins(desk: World) -> None:
    reconciler = desk.application.reconciler
    rules = reconciler.load_context()
    instance = desk.launch_until_warned()
    desk.pass_minutes(5, sweep_every=5)
    desk.clock.advance(MINUTE)
    desk.send_heartbeat(get_ec2_id(instance))
    decided_on = desk.load(instance)
    observation = reconciler.observer.observe(decided_on)
    assert isinstance(reconciler.plan(decided_on, observation, rules).step, Stop)
    desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
    with pytest.raises(Exception, match="changed since"):
        reconciler.run_once(decided_on, observation, rules)
    assert desk.cloud.calls["ec2:StopInstances"] == 0


def test_keep_after_the_claim_is_refused_with_the_way_to_start_again(desk: World) -> None:
    refusals: list[str] = []

    def keep_too_late(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Stop):
            with pytest.raises(Conflict) as refusal:
                desk.application.instances.keep(ADA, instance.id, hours=1, until=None)
            refusals.append(refusal.value.message)

    instance = desk.launch_until_warned()
    desk.crash_after_calls(keep_too_late)
    desk.pass_minutes(6, sweep_every=6)
    assert "To start it again, send POST /instances/" in refusals[0]


def test_activity_between_the_claim_and_the_call_cancels_the_stop(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(5, sweep_every=5)
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


@pytest.mark.parametrize("minutes", [0, 1, 3])
def test_termination_before_the_instance_is_ready_leaves_nothing_behind(desk: World, minutes: int) -> None:
    instance = desk.launch()
    desk.pass_minutes(minutes)
    phase = desk.load(instance).phase
    assert phase is {0: Phase.REQUESTED, 1: Phase.BOOTING, 3: Phase.SETTING_UP}[minutes]
    desk.application.instances.terminate(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=15)
    assert desk.list_ec2_ids() == []
