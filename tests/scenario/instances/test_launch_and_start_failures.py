"""Scenario tests of launches and starts that AWS refuses, or whose instance does not respond.

The deadlines themselves are tested without AWS, in `tests/unit/instances`.
"""

from datetime import timedelta

import pytest

from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.warning import WarningType
from tests.support.channels import add_webhook
from tests.support.world import ADA, World


def test_launched_instance_without_an_agent_is_terminated_after_a_warning(desk: World) -> None:
    desk.cloud.agents.silence()
    instance = desk.wait_for_phase(desk.launch(), Phase.BOOTING)
    desk.pass_minutes(11, sweep_every=11)
    warning = desk.load(instance).warning
    assert warning is not None
    assert warning.warning_type is WarningType.NO_AGENT
    desk.pass_minutes(6, sweep_every=6)
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=4, sweep_every=2)
    assert desk.list_ec2_ids() == []


def test_bare_metal_that_boots_for_20_minutes_becomes_ready_without_a_warning(desk: World) -> None:
    requested = desk.launch(instance_type="g4dn.metal", gpu_count=8)
    instance = desk.wait_for_phase(requested, Phase.READY, minutes=60, sweep_every=5)
    assert "no_agent_warning" not in desk.list_codes(instance)
    launched, ready = (entry for entry in desk.list_timeline(instance) if entry.code in ("launched", "ready"))
    assert ready.at - launched.at > timedelta(minutes=20)


def test_launch_of_a_type_that_no_zone_offers_fails_at_once(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch(gpu="Radeon Pro V520"), Phase.FAILED, minutes=2)
    assert "offers g4ad" in instance.reason.message


@pytest.mark.parametrize(
    ("operation", "error"), [("GetParameter", "ParameterNotFound"), ("DescribeImages", "InvalidAMIID.NotFound")]
)
def test_launch_without_an_ami_fails_at_once_as_rejected_by_gpudesk(desk: World, operation: str, error: str) -> None:
    desk.cloud.faults.inject(operation, error)
    instance = desk.wait_for_phase(desk.launch(), Phase.FAILED, minutes=2)
    assert "not exist" in instance.reason.message
    assert desk.list_timeline(instance)[-1].details == {"rejected_by": "gpudesk"}


def test_throttled_launch_is_tried_again(desk: World) -> None:
    desk.cloud.faults.inject("RunInstances", "RequestThrottled")
    instance = desk.wait_for_phase(desk.launch(), Phase.BOOTING, minutes=3)
    assert desk.cloud.calls["ec2:RunInstances"] == 2
    assert "launch_refused" not in desk.list_codes(instance)


def test_launch_without_capacity_in_one_zone_uses_another(desk: World) -> None:
    desk.cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0)
    instance = desk.wait_for_phase(desk.launch(), Phase.BOOTING)
    assert instance.ec2_instance is not None
    assert instance.ec2_instance.zone != "us-east-1a"
    assert "zone_no_capacity" in desk.list_codes(instance)


def test_launch_without_capacity_in_every_zone_waits(desk: World) -> None:
    for zone in "abcdef":
        desk.cloud.capacity.set("g4dn.xlarge", f"us-east-1{zone}", 0)
    instance = desk.wait_until(desk.launch(), lambda now: now.reason.code == "no_capacity_yet", minutes=4)
    assert instance.phase is Phase.LAUNCHING
    assert desk.list_codes(instance).count("zone_no_capacity") == 5, "us-east-1e does not offer the type"
    assert desk.list_ec2_ids() == []


def test_launch_beyond_the_quota_fails_at_once_and_the_owner_is_notified(desk: World) -> None:
    box = add_webhook(desk)
    desk.cloud.faults.inject("RunInstances", "VcpuLimitExceeded", "You have requested more vCPU capacity", status=400)
    instance = desk.wait_for_phase(desk.launch(), Phase.FAILED, minutes=2)
    assert "Ask an admin to request an increase of L-DB2E81BA" in instance.reason.message
    assert box.list_types() == ["quota_exceeded"]


def test_start_without_capacity_is_tried_again_and_the_owner_is_notified(desk: World) -> None:
    box = add_webhook(desk)
    instance = desk.launch_until_stopped()
    desk.cloud.faults.inject("StartInstances", "InsufficientInstanceCapacity")
    desk.application.instances.start(ADA, instance.id)
    desk.wait_for_phase(instance, Phase.READY, minutes=6)
    assert [kind for kind in box.list_types() if kind.startswith("start")] == ["start_waiting", "start_capacity_found"]
    assert desk.cloud.calls["ec2:StartInstances"] == 2
