"""Scenario tests of the desk modes: `paused` changes nothing, `dry_run` only records autonomous decisions.

What gpudesk decides in each mode is tested without AWS, in `tests/unit/instances/test_modes.py`.
"""

from datetime import timedelta

import pytest

from chalicelib.control.loop.dry_run import PreviewedMode, PreviewedOrphan, PreviewedPlan, preview_sweep
from chalicelib.domain.common.errors import Conflict, Forbidden
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.commands.stop_start import warn_of_mode
from chalicelib.domain.instances.plan import describe_plan
from chalicelib.domain.instances.record import Phase
from tests.scenario.instances.test_external_changes import launch_without_gpudesk
from tests.support.world import ADA, ADMIN, MINUTE, World, get_ec2_id
from tools.preview import describe_sweep


def set_mode(desk: World, mode: Mode) -> None:
    desk.application.desk.update(ADMIN, mode=mode, defaults={}, limits={})


def test_paused_gpudesk_calls_nothing_until_it_enforces_again(desk: World) -> None:
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
    desk.pass_minutes(2)
    assert desk.load(ready).phase is Phase.READY
    assert desk.load(waiting).phase is Phase.REQUESTED
    for name in ("ec2:RunInstances", "ec2:StopInstances", "ssm:SendCommand"):
        assert desk.cloud.calls[name] == calls.get(name, 0)
    set_mode(desk, Mode.ENFORCE)
    stopped = desk.wait_for_phase(ready, Phase.STOPPED, minutes=5)
    assert warn_of_mode(stopped, Mode.PAUSED) is None, "nothing is left to be done"


def test_dry_run_records_an_idle_stop_and_makes_the_stop_that_a_person_requests(desk: World) -> None:
    instance = desk.launch_until_warned()
    set_mode(desk, Mode.DRY_RUN)
    desk.pass_minutes(7, sweep_every=7)
    desk.pass_minutes()
    assert (desk.load(instance).phase, desk.cloud.calls["ec2:StopInstances"]) == (Phase.READY, 0)
    (entry,) = [entry for entry in desk.list_timeline(instance) if entry.code == "dry_run"]
    assert entry.message.startswith(f"Dry run: would stop {instance.name}. Every enabled signal has been quiet")
    assert warn_of_mode(desk.application.instances.stop(ADA, instance.id), Mode.DRY_RUN) is None
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)


def test_mode_is_set_by_admins_only(desk: World) -> None:
    with pytest.raises(Forbidden):
        desk.application.desk.update(ADA, mode=Mode.PAUSED, defaults={}, limits={})


def test_preview_of_a_sweep_shows_its_decisions_and_changes_nothing(desk: World) -> None:
    instance = desk.launch_until_warned()
    desk.pass_minutes(5, sweep_every=5)
    desk.clock.advance(MINUTE)
    desk.send_heartbeats()
    before = desk.load(instance)
    mode, preview = preview_sweep(desk.application.reconciler, desk.application.sweep.adopter)
    assert mode == PreviewedMode(Mode.ENFORCE)
    assert isinstance(preview, PreviewedPlan)
    assert preview.has_effect
    assert f"{instance.name} (stopping): Every enabled signal has been quiet" in describe_plan(preview.plan)
    assert "would call Stop(force=False, if_still_idle=True)" in describe_plan(preview.plan)
    assert desk.load(instance) == before
    assert desk.cloud.calls["ec2:StopInstances"] == 0


def test_preview_of_instance_that_needs_nothing_has_no_effect(desk: World) -> None:
    desk.launch_until_ready()
    desk.pass_minutes(2)
    _, preview = preview_sweep(desk.application.reconciler, desk.application.sweep.adopter)
    assert isinstance(preview, PreviewedPlan)
    assert not preview.has_effect


def test_preview_has_the_reads_and_the_order_of_the_sweep(desk: World) -> None:
    running = desk.launch_until_ready()
    desk.launch(key="waiting")
    launch_without_gpudesk(desk, {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev"})
    desk.cloud.schedule_event(get_ec2_id(running), "instance-retirement", desk.now + timedelta(days=3))
    desk.clock.advance(11 * MINUTE)
    _, first, second, third = preview_sweep(desk.application.reconciler, desk.application.sweep.adopter)
    assert isinstance(first, PreviewedPlan)
    assert first.plan.reason.code == "scheduled_event", "the sweep reads scheduled events, too"
    assert isinstance(second, PreviewedOrphan)
    assert isinstance(third, PreviewedPlan)
    assert third.before.phase is Phase.REQUESTED


def test_preview_names_the_mode_the_rejection_and_the_undecided_instances(desk: World) -> None:
    desk.launch_until_ready()
    desk.application.desk.update(ADMIN, mode=Mode.PAUSED)
    desk.cloud.faults.inject("DescribeInstances", "UnauthorizedOperation", times=1)
    lines = list(describe_sweep(preview_sweep(desk.application.reconciler, desk.application.sweep.adopter)))
    assert lines[0].startswith("The mode of gpudesk is paused: gpudesk launches, stops and terminates nothing until")
    assert lines[1].startswith("us-east-1 rejects the call, so gpudesk decides nothing there: UnauthorizedOperation")
    assert lines[2:] == [
        "gpudesk cannot decide about 1 instance.",
        "gpudesk would leave 0 other instances unchanged. Images are not previewed.",
    ]


def test_launch_in_a_region_that_rejects_calls_names_the_cause(desk: World) -> None:
    desk.cloud.faults.inject("DescribeInstances", "UnauthorizedOperation", times=100)
    instance = desk.launch()
    desk.pass_minutes(4)
    reason = desk.load(instance).reason
    assert reason.code == "aws_unavailable"
    expected = f"{instance.name} is not launched yet: EC2 rejected the call in us-east-1. UnauthorizedOperation: "
    assert reason.message.startswith(expected)
    assert reason.message.endswith(f"To cancel the launch, send DELETE /instances/{instance.name}.")
