"""What tests have in common is reached once: what is put back is what was left, and nobody's but the test's own."""

import pytest

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.record import Phase
from tests.support.channels import add_webhook
from tests.support.world import ADA, STATE_CACHE, World, get_ec2_id, open_world


def lived(walked: World) -> tuple[object, ...]:
    """What a test can see of a life that begins with `warned`."""
    box = add_webhook(walked)
    instance = walked.launch_until_warned()
    calls = walked.cloud.calls.copy()
    walked.wait_for_phase(instance, Phase.STOPPED, minutes=10)
    walked.application.instances.start(ADA, instance.id)
    walked.wait_for_phase(instance, Phase.READY, minutes=5)
    scripts = [script.step for _, script in walked.cloud.machines.executed_scripts]  # type: ignore[attr-defined]
    return (
        walked.list_codes(instance),
        box.list_types(),
        box.attempt_count,
        walked.cloud.calls - calls,
        walked.now,
        scripts,
    )


def test_a_life_goes_on_from_what_was_put_back_as_from_what_was_lived() -> None:
    STATE_CACHE.clear()
    live_counts = []
    for _ in range(3):
        with open_world() as walked:
            live_counts.append(lived(walked))
    assert live_counts[0] == live_counts[1] == live_counts[2]


def test_what_becomes_of_one_world_is_not_seen_in_the_next() -> None:
    with open_world() as one:
        instance = one.launch_until_ready()
        one.application.instances.terminate(ADA, instance.id)
        one.wait_for_phase(instance, Phase.TERMINATED)
    with open_world() as other:
        instance = other.launch_until_ready()
        assert other.load(instance).phase is Phase.READY
        assert other.list_ec2_ids() == [get_ec2_id(instance)]


@pytest.mark.parametrize("signal", ["gpu", "cpu"])
def test_another_beginning_leads_to_another_state(desk: World, signal: str) -> None:
    desk.activity[signal] = SignalState.ACTIVE
    shown = desk.get_snapshot(desk.launch_until_ready())
    assert shown.live.activity is not None
    assert f"{signal} is active" in shown.live.activity.reason.message


def test_a_desk_that_a_test_has_wired_is_not_put_back(desk: World) -> None:
    asked = []
    desk.crash_after_calls(lambda step, outcome: asked.append(step))
    desk.launch_until_ready()
    assert asked
