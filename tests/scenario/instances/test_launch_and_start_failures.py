"""Scenario tests of launches and starts that AWS refuses, or whose instance does not respond.

The deadlines themselves are tested without AWS, in `tests/unit/instances`.
"""

from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.warning import WarningType
from tests.support.channels import listening
from tests.support.world import ADA, World


def test_launched_instance_without_an_agent_is_terminated_after_a_warning(desk: World) -> None:
    desk.cloud.agents.silence()
    instance = desk.until(desk.launch(), Phase.BOOTING)
    desk.minute(11, sweep_every=11)
    warning = desk.look(instance).warning
    assert warning is not None
    assert warning.warning_type is WarningType.NO_AGENT
    desk.minute(6, sweep_every=6)
    desk.until(instance, Phase.TERMINATED, minutes=4, sweep_every=2)
    assert desk.ec2_ids() == []


def test_launch_of_a_type_that_no_zone_offers_fails_at_once(desk: World) -> None:
    instance = desk.until(desk.launch(gpu="Radeon Pro V520"), Phase.FAILED, minutes=2)
    assert "offers g4ad" in instance.reason.message


def test_launch_without_capacity_in_one_zone_uses_another(desk: World) -> None:
    desk.cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0)
    instance = desk.until(desk.launch(), Phase.BOOTING)
    assert instance.machine is not None
    assert instance.machine.zone != "us-east-1a"
    assert "zone_no_capacity" in desk.codes(instance)


def test_launch_without_capacity_in_every_zone_waits(desk: World) -> None:
    for zone in "abcdef":
        desk.cloud.capacity.set("g4dn.xlarge", f"us-east-1{zone}", 0)
    instance = desk.until_true(desk.launch(), lambda now: now.reason.code == "no_capacity_yet", minutes=4)
    assert instance.phase is Phase.LAUNCHING
    assert desk.codes(instance).count("zone_no_capacity") == 5, "us-east-1e does not offer the type"
    assert desk.ec2_ids() == []


def test_launch_beyond_the_quota_fails_at_once_and_the_owner_is_notified(desk: World) -> None:
    box = listening(desk)
    desk.cloud.faults.inject("RunInstances", "VcpuLimitExceeded", "You have requested more vCPU capacity", status=400)
    instance = desk.until(desk.launch(), Phase.FAILED, minutes=2)
    assert "Service Quotas" in instance.reason.message
    assert box.types() == ["quota_exceeded"]


def test_start_without_capacity_is_tried_again(desk: World) -> None:
    instance = desk.stopped()
    desk.cloud.faults.inject("StartInstances", "InsufficientInstanceCapacity")
    desk.desk.instances.start(ADA, instance.id)
    desk.until(instance, Phase.READY, minutes=6)
    assert "no_capacity_yet" in desk.codes(instance)
    assert desk.cloud.calls["ec2:StartInstances"] == 2
