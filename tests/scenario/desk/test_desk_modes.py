"""Scenario tests of the desk modes: `paused` changes nothing, `dry_run` only records autonomous decisions.

What gpudesk decides in each mode is tested without AWS, in `tests/unit/instances/test_modes.py`.
"""

import pytest

from chalicelib.control.loop.dry_run import preview_sweep
from chalicelib.domain.common.errors import Conflict, Forbidden
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.stop_start import paused_warning_for
from chalicelib.domain.instances.plan import describe
from chalicelib.domain.instances.record import Phase
from tests.support.world import ADA, ADMIN, MINUTE, World


def set_mode(desk: World, mode: Mode) -> None:
    desk.desk.desk.update(ADMIN, mode=mode, defaults={}, limits={})


def test_paused_gpudesk_calls_nothing_until_it_enforces_again(desk: World) -> None:
    ready, waiting = desk.ready(), desk.launch(gpu="A10G")
    set_mode(desk, Mode.PAUSED)
    calls = dict(desk.cloud.calls)
    with pytest.raises(Conflict, match="is paused"):
        desk.launch(gpu="L4")
    stopping = desk.desk.instances.stop(ADA, ready.id)
    warning = paused_warning_for(stopping, Mode.PAUSED)
    assert warning is not None
    assert warning.code is WarningCode.DESK_PAUSED
    assert "The stop is recorded" in warning.message
    desk.minute(2)
    assert desk.look(ready).phase is Phase.READY
    assert desk.look(waiting).phase is Phase.REQUESTED
    for name in ("ec2:RunInstances", "ec2:StopInstances", "ssm:SendCommand"):
        assert desk.cloud.calls[name] == calls.get(name, 0)
    set_mode(desk, Mode.ENFORCE)
    stopped = desk.until(ready, Phase.STOPPED, minutes=5)
    assert paused_warning_for(stopped, Mode.PAUSED) is None, "nothing is left to be done"


def test_dry_run_records_an_idle_stop_and_makes_the_stop_that_a_person_requests(desk: World) -> None:
    instance = desk.warned()
    set_mode(desk, Mode.DRY_RUN)
    desk.minute(7, sweep_every=7)
    desk.minute()
    assert (desk.look(instance).phase, desk.cloud.calls["ec2:StopInstances"]) == (Phase.READY, 0)
    (entry,) = [entry for entry in desk.timeline(instance) if entry.code == "dry_run"]
    assert entry.message.startswith(f"Dry run: would stop {instance.name}. Every signal has been quiet")
    assert paused_warning_for(desk.desk.instances.stop(ADA, instance.id), Mode.DRY_RUN) is None
    desk.until(instance, Phase.STOPPED, minutes=5)


def test_mode_is_set_by_admins_only(desk: World) -> None:
    with pytest.raises(Forbidden):
        desk.desk.desk.update(ADA, mode=Mode.PAUSED, defaults={}, limits={})


def test_preview_of_a_sweep_shows_its_decisions_and_changes_nothing(desk: World) -> None:
    instance = desk.warned()
    desk.minute(5, sweep_every=5)
    desk.clock.advance(MINUTE)
    desk.beat()
    before = desk.look(instance)
    (plan,) = preview_sweep(desk.desk.reconciler)
    assert f"{instance.name} (stopping): Every signal has been quiet" in describe(plan)
    assert "would call Stop(force=False, if_still_idle=True)" in describe(plan)
    assert desk.look(instance) == before
    assert desk.cloud.calls["ec2:StopInstances"] == 0
