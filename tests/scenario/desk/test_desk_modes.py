"""Tests of the desk modes: `paused` changes nothing, `dry_run` only records autonomous decisions."""

import pytest

from chalicelib.control.loop.dry_run import preview_sweep
from chalicelib.domain.common.errors import Conflict, Forbidden
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.stop_start import warn_of_mode
from chalicelib.domain.instances.plan import describe_plan
from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, ADMIN, MINUTE, World


def set_mode(desk: World, mode: Mode) -> None:
    desk.application.desk.update(ADMIN, mode=mode, defaults={}, limits={})


def test_while_paused_nothing_is_launched_started_stopped_or_terminated(desk: World) -> None:
    ready, waiting = desk.launch_until_ready(), desk.launch(gpu="A10G")
    set_mode(desk, Mode.PAUSED)
    calls = dict(desk.cloud.calls)
    with pytest.raises(Conflict, match="is paused"):
        desk.launch(gpu="L4")
    stopping = desk.application.instances.stop(ADA, ready.id)
    warning = warn_of_mode(stopping, Mode.PAUSED)
    assert warning is not None
    assert warning.code is WarningCode.DESK_PAUSED
    assert "The stop is recorded" in warning.message
    desk.pass_minutes(50, sweep_every=5)
    assert desk.load(ready).phase is Phase.READY
    assert desk.load(waiting).phase is Phase.REQUESTED
    for name in ("ec2:RunInstances", "ec2:StopInstances", "ssm:SendCommand"):
        assert desk.cloud.calls[name] == calls.get(name, 0)
    set_mode(desk, Mode.ENFORCE)
    assert warn_of_mode(desk.wait_for_phase(ready, Phase.STOPPED, minutes=5), Mode.PAUSED) is None, (
        "nothing is left to be done"
    )


def test_a_dry_run_records_once_what_it_would_have_done(desk: World) -> None:
    instance = desk.launch_until_ready()
    set_mode(desk, Mode.DRY_RUN)
    desk.pass_minutes(80, sweep_every=5)
    assert desk.load(instance).phase is Phase.READY
    assert desk.load(instance).warning is None
    lines = [line for line in desk.list_timeline(instance) if line.code == "dry_run"]
    assert len(lines) == 1
    assert lines[0].message.startswith(f"Dry run: would stop {instance.name}. Every signal has been quiet")


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.PAUSED])
def test_a_warning_of_before_is_not_acted_on_after_a_time_of_not_acting(desk: World, mode: Mode) -> None:
    instance = desk.launch_until_warned()
    set_mode(desk, mode)
    desk.pass_minutes(12)
    set_mode(desk, Mode.ENFORCE)
    desk.pass_minutes(5)
    assert desk.load(instance).phase is Phase.READY
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=12)
    assert desk.list_codes(instance).count("idle_warning") == 2


def test_a_dry_run_still_does_what_people_ask(desk: World) -> None:
    set_mode(desk, Mode.DRY_RUN)
    instance = desk.launch_until_ready()
    assert warn_of_mode(desk.application.instances.stop(ADA, instance.id), Mode.DRY_RUN) is None
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)


def test_only_an_admin_sets_the_mode(desk: World) -> None:
    with pytest.raises(Forbidden):
        desk.application.desk.update(ADA, mode=Mode.PAUSED, defaults={}, limits={})


def test_what_the_desk_would_do_can_be_printed_instead_of_done(desk: World) -> None:
    instance = desk.launch_until_warned(name="otter")
    desk.pass_minutes(5)
    desk.clock.advance(MINUTE)
    desk.send_heartbeats()
    before = desk.load(instance)
    (plan,) = preview_sweep(desk.application.reconciler)
    assert "otter (stopping): Every signal has been quiet" in describe_plan(plan)
    assert "would call Stop(force=False, if_still_idle=True)" in describe_plan(plan)
    assert desk.load(instance) == before
    assert desk.cloud.calls["ec2:StopInstances"] == 0
