"""A state that tests share is reached once and restored for each: complete, and without traces of other tests."""

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.record import Phase
from tests.support.channels import add_webhook
from tests.support.world import ADA, STATE_CACHE, World, get_ec2_id, open_world


def run_until_restarted(world: World) -> tuple[object, ...]:
    """Warn, stop and start an instance, and return everything that a test can observe of that."""
    box = add_webhook(world)
    instance = world.launch_until_warned()
    calls = world.cloud.calls.copy()
    world.wait_for_phase(instance, Phase.STOPPED, minutes=10)
    world.application.instances.start(ADA, instance.id)
    world.wait_for_phase(instance, Phase.READY, minutes=5)
    scripts = [script.step for _, script in world.cloud.machines.executed_scripts]  # type: ignore[attr-defined]
    return (
        world.list_codes(instance),
        box.list_types(),
        box.attempt_count,
        world.cloud.calls - calls,
        world.now,
        scripts,
    )


def test_restored_state_continues_as_the_state_that_was_reached() -> None:
    STATE_CACHE.clear()
    observed = []
    for _ in range(3):
        with open_world() as world:
            observed.append(run_until_restarted(world))
    assert observed[0] == observed[1] == observed[2]


def test_changes_of_one_world_are_not_in_the_next() -> None:
    with open_world() as one:
        instance = one.launch_until_ready()
        one.application.instances.terminate(ADA, instance.id)
        one.wait_for_phase(instance, Phase.TERMINATED)
    with open_world() as other:
        instance = other.launch_until_ready()
        assert other.load(instance).phase is Phase.READY
        assert other.list_ec2_ids() == [get_ec2_id(instance)]


@pytest.mark.parametrize("signal", ["gpu", "cpu"])
def test_state_depends_on_the_activity_at_its_start(desk: World, signal: str) -> None:
    desk.activity[signal] = SignalState.ACTIVE
    shown = desk.get_snapshot(desk.launch_until_ready())
    assert shown.live.activity is not None
    assert f"{signal} is active" in shown.live.activity.reason.message


def test_state_of_an_application_that_a_test_has_changed_is_not_restored(desk: World) -> None:
    steps = []
    desk.crash_after_calls(lambda step, outcome: steps.append(step))
    desk.launch_until_ready()
    assert steps
