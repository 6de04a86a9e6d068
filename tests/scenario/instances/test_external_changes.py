"""Scenario tests of EC2 instances that others launch, stop, start, tag or terminate.

What follows from a change is tested without AWS, in `tests/unit/instances/test_external_changes.py`.
"""

from typing import Any

from chalicelib.domain.instances.record import Phase
from tests.support.world import MINUTE, World, machine_id


def launch_without_gpudesk(desk: World, tags: dict[str, str], kind: Any = "t3.large") -> str:
    """Launch an EC2 instance as another tool in the same account does, and return its id."""
    image = desk.cloud_image()
    tag_list: list[Any] = [{"Key": key, "Value": value} for key, value in tags.items()]
    launched = desk.ec2.run_instances(
        ImageId=image,
        InstanceType=kind,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tag_list}] if tags else [],
    )
    return str(launched["Instances"][0]["InstanceId"])


def test_instance_without_tags_or_with_those_of_another_stage_is_never_touched(desk: World) -> None:
    untagged = launch_without_gpudesk(desk, {})
    other_stage = launch_without_gpudesk(desk, {"gpudesk:id": "gd-x", "gpudesk:stage": "prod", "gpudesk:owner": "ada"})
    desk.minute(12, sweep_every=6)
    assert {desk.ec2_state(untagged), desk.ec2_state(other_stage)} == {"running"}
    assert list(desk.desk.reconciler.stores.instances.list_active()) == []
    assert not {"ec2:StopInstances", "ec2:TerminateInstances"} & set(desk.cloud.calls)


def test_instance_with_tags_and_without_a_record_is_adopted_after_the_visibility_grace(desk: World) -> None:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada", "Name": "lost-one"}
    ec2_id = launch_without_gpudesk(desk, tags, "g4dn.xlarge")
    desk.minute(9, sweep_every=9)
    assert not desk.desk.reconciler.stores.instances.exists_for_ec2_id(ec2_id)
    desk.minute(2, sweep_every=2)
    adopted = desk.desk.reconciler.stores.instances.find_by_ec2_id(ec2_id)
    assert adopted is not None
    assert (adopted.id, adopted.owner, adopted.name) == ("gd-lost", "ada", "lost-one")
    assert adopted.spec.hardware.nvidia_gpu_count == 1, "its GPU signal is enabled"
    assert desk.codes(adopted)[0] == "adopted"
    assert adopted.lifetime_ends_at is not None


def test_instance_with_the_tags_of_another_record_gets_its_own_record(desk: World) -> None:
    instance = desk.ready()
    tags = {"gpudesk:id": instance.id, "gpudesk:stage": "dev", "gpudesk:owner": "ada"}
    copy = launch_without_gpudesk(desk, tags)
    desk.minute(12, sweep_every=6)
    adopted = desk.desk.reconciler.stores.instances.find_by_ec2_id(copy)
    assert adopted is not None
    assert adopted.id != instance.id
    assert machine_id(desk.look(instance)) != copy
    desk.minute()
    assert desk.look(adopted).phase is Phase.READY, "it is found again although its tag names another record"


def test_instance_that_is_stopped_and_started_externally_is_managed_again(desk: World) -> None:
    instance = desk.ready()
    desk.ec2.stop_instances(InstanceIds=[machine_id(instance)])
    desk.until(instance, Phase.STOPPED, minutes=5)
    desk.minute()
    assert desk.ec2_state(machine_id(instance)) == "stopped"
    desk.ec2.start_instances(InstanceIds=[machine_id(instance)])
    desk.boot_id = "boot-2"
    desk.until(instance, Phase.READY, minutes=5)
    assert desk.codes(instance)[-3:] == ["stopped_externally", "started_externally", "ready"]


def test_instance_that_is_terminated_externally_is_closed(desk: World) -> None:
    instance = desk.ready()
    desk.ec2.terminate_instances(InstanceIds=[machine_id(instance)])
    instance = desk.until(instance, Phase.TERMINATED, minutes=5)
    assert desk.codes(instance)[-1] == "terminated_externally"


def test_instance_that_lost_its_tags_is_notified_and_found_again_with_them(desk: World) -> None:
    instance = desk.ready()
    desk.clock.advance(10 * MINUTE)  # EC2 may not show a new instance before
    desk.ec2.delete_tags(Resources=[machine_id(instance)], Tags=[{"Key": "gpudesk:stage"}])
    desk.minute(3)
    assert desk.look(instance).observed.not_visible_since is not None
    assert desk.codes(instance).count("tags_lost") == 1
    assert desk.ec2_state(machine_id(instance)) == "running"
    desk.ec2.create_tags(Resources=[machine_id(instance)], Tags=[{"Key": "gpudesk:stage", "Value": "dev"}])
    desk.minute()
    assert desk.look(instance).observed.not_visible_since is None


def test_terminated_instance_that_ec2_no_longer_shows_is_gone_after_hours(desk: World) -> None:
    instance = desk.ready(max_hours=48)
    desk.ec2.terminate_instances(InstanceIds=[machine_id(instance)])
    desk.clock.advance(90 * MINUTE)
    desk.minute()
    assert desk.look(instance).phase is Phase.READY
    assert desk.look(instance).observed.not_visible_since is not None
    desk.clock.advance(119 * MINUTE)
    desk.minute()
    assert desk.look(instance).phase is Phase.TERMINATED


def test_region_that_does_not_respond_changes_nothing(desk: World) -> None:
    instance = desk.ready()
    desk.cloud.faults.inject("DescribeInstances", "InternalError", times=100)
    for _ in range(3):
        desk.clock.advance(20 * MINUTE)
        report = desk.desk.sweep.run()
        assert report.unavailable_regions == ["us-east-1"]
    assert desk.look(instance).phase is Phase.READY
    assert desk.cloud.calls["ec2:StopInstances"] == 0
