"""What tests have in common is reached once: what is put back is what was left, and nobody's but the test's own."""

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.record import Phase
from tests.support.channels import listening
from tests.support.world import ADA, MEMORY, World, machine_id, world


def lived(walked: World) -> tuple[object, ...]:
    """What a test can see of a life that begins with `warned`."""
    box = listening(walked)
    instance = walked.warned()
    calls = walked.cloud.calls.copy()
    walked.until(instance, Phase.STOPPED, minutes=10)
    walked.desk.instances.start(ADA, instance.id)
    walked.until(instance, Phase.READY, minutes=5)
    scripts = [script.step for _, script in walked.cloud.machines.executed_scripts]  # type: ignore[attr-defined]
    return walked.codes(instance), box.types(), box.tries, walked.cloud.calls - calls, walked.now, scripts


def test_a_life_goes_on_from_what_was_put_back_as_from_what_was_lived() -> None:
    MEMORY.forget()
    live_counts = []
    for _ in range(3):
        with world() as walked:
            live_counts.append(lived(walked))
    assert live_counts[0] == live_counts[1] == live_counts[2]


def test_what_becomes_of_one_world_is_not_seen_in_the_next() -> None:
    with world() as one:
        instance = one.ready()
        one.desk.instances.terminate(ADA, instance.id)
        one.until(instance, Phase.TERMINATED)
    with world() as other:
        instance = other.ready()
        assert other.look(instance).phase is Phase.READY
        assert other.ec2_ids() == [machine_id(instance)]


@pytest.mark.parametrize("signal", ["gpu", "cpu"])
def test_another_beginning_leads_to_another_state(desk: World, signal: str) -> None:
    desk.activity[signal] = SignalState.ACTIVE
    shown = desk.show(desk.ready())
    assert shown.live.activity is not None
    assert f"{signal} is active" in shown.live.activity.reason.message


def test_a_desk_that_a_test_has_wired_is_not_put_back(desk: World) -> None:
    asked = []
    desk.crashing(lambda step, outcome: asked.append(step))
    desk.ready()
    assert asked
