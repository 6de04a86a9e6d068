"""Tests of shared states: a restored state equals the one that was stored, and belongs to one test alone."""

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.record import Phase
from tests.support.channels import listening
from tests.support.world import ADA, MEMORY, World, machine_id, world


def live_on(walked: World) -> tuple[object, ...]:
    """Stop and start a warned instance, and return everything that a test can see of that."""
    box = listening(walked)
    instance = walked.warned()
    calls = walked.cloud.calls.copy()
    walked.minute(5, sweep_every=5)
    walked.until(instance, Phase.STOPPED, minutes=10)
    walked.desk.instances.start(ADA, instance.id)
    walked.until(instance, Phase.READY, minutes=5)
    scripts = [script.step for _, script in walked.cloud.machines.executed_scripts]  # type: ignore[attr-defined]
    return walked.codes(instance), box.types(), box.tries, walked.cloud.calls - calls, walked.now, scripts


def test_restored_state_goes_on_as_the_stored_one() -> None:
    MEMORY.forget()
    seen = []
    for _ in range(3):
        with world() as walked:
            seen.append(live_on(walked))
    assert seen[0] == seen[1] == seen[2]


def test_change_of_one_world_is_not_seen_in_the_next() -> None:
    with world() as one:
        instance = one.ready()
        one.desk.instances.terminate(ADA, instance.id)
        one.until(instance, Phase.TERMINATED)
    with world() as other:
        instance = other.ready()
        assert other.look(instance).phase is Phase.READY
        assert other.ec2_ids() == [machine_id(instance)]


@pytest.mark.parametrize("signal", ["gpu", "cpu"])
def test_other_activity_leads_to_another_state(desk: World, signal: str) -> None:
    desk.activity[signal] = SignalState.ACTIVE
    shown = desk.show(desk.ready())
    assert shown.live.activity is not None
    assert f"{signal} is active" in shown.live.activity.reason.message


def test_wiring_of_a_test_is_not_restored(desk: World) -> None:
    executed = []
    desk.crashing(lambda step, outcome: executed.append(step))
    desk.ready()
    assert executed
