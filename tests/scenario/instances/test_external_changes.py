"""What others do to our instances is seen, told and brought under policy; what is not ours is left alone (1, 2, 7)."""

from typing import Any

from chalicelib.domain.instances.record import Phase
from chalicelib.domain.instances.spec import DesiredState
from tests.support.world import MINUTE, World, get_ec2_id


def by_hand(desk: World, tags: dict[str, str], kind: Any = "t3.large") -> str:
    """Somebody launches an instance in the same account."""
    image = desk.get_public_image()
    tag_list: list[Any] = [{"Key": key, "Value": value} for key, value in tags.items()]
    made = desk.ec2.run_instances(
        ImageId=image,
        InstanceType=kind,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tag_list}] if tags else [],
    )
    return str(made["Instances"][0]["InstanceId"])


def test_an_instance_without_our_tags_is_never_touched(desk: World) -> None:
    untagged = by_hand(desk, {})
    other_stage = by_hand(desk, {"gpudesk:id": "gd-x", "gpudesk:stage": "prod", "gpudesk:owner": "ada"})
    desk.pass_minutes(30, sweep_every=5)
    assert {desk.get_ec2_state(untagged), desk.get_ec2_state(other_stage)} == {"running"}
    assert not {"ec2:StopInstances", "ec2:TerminateInstances"} & set(desk.cloud.calls)


def test_what_carries_our_tags_and_has_no_record_is_adopted_once_it_is_no_newborn(desk: World) -> None:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada", "Name": "lost-one"}
    machine = by_hand(desk, tags)
    desk.pass_minutes(5)
    assert not desk.application.reconciler.stores.instances.exists_for_ec2_id(machine), "newborns are spared"
    desk.pass_minutes(10)
    found = desk.application.reconciler.stores.instances.find_by_ec2_id(machine)
    assert found is not None
    assert (found.id, found.owner, found.name) == ("gd-lost", "ada", "lost-one")
    assert desk.list_codes(found)[0] == "adopted"
    assert found.lifetime_ends_at is not None, "its lifetime bounds it"


def test_a_copy_of_our_tags_is_a_record_of_its_own(desk: World) -> None:
    instance = desk.launch_until_ready()
    tags = {"gpudesk:id": instance.id, "gpudesk:stage": "dev", "gpudesk:owner": "ada"}
    copy = by_hand(desk, tags)
    desk.pass_minutes(15)
    found = desk.application.reconciler.stores.instances.find_by_ec2_id(copy)
    assert found is not None
    assert found.id != instance.id
    assert get_ec2_id(desk.load(instance)) != copy
    desk.pass_minutes(2)
    assert desk.load(found).phase is Phase.READY, "it is found again although its tag names another record"


def test_an_instance_that_is_stopped_by_hand_stays_stopped(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.ec2.stop_instances(InstanceIds=[get_ec2_id(instance)])
    instance = desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    desk.pass_minutes(20)
    instance = desk.load(instance)
    assert instance.phase is Phase.STOPPED
    assert instance.spec.desired is DesiredState.STOPPED
    assert "stopped_externally" in desk.list_codes(instance)


def test_an_instance_that_is_started_by_hand_is_under_policy_again(desk: World) -> None:
    instance = desk.wait_for_phase(desk.launch_until_ready(idle_minutes=5, warning_minutes=5), Phase.STOPPED)
    desk.ec2.start_instances(InstanceIds=[get_ec2_id(instance)])
    desk.boot_id = "boot-2"
    instance = desk.wait_for_phase(instance, Phase.READY, minutes=5)
    assert "started_externally" in desk.list_codes(instance)
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=15)


def test_an_instance_that_is_terminated_by_hand_is_told_and_over(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.ec2.terminate_instances(InstanceIds=[get_ec2_id(instance)])
    instance = desk.wait_for_phase(instance, Phase.TERMINATED, minutes=5)
    assert desk.list_codes(instance)[-1] == "terminated_externally"


def test_a_machine_that_lost_our_tags_is_told_and_counted_and_not_touched(desk: World) -> None:
    instance = desk.launch_until_ready(max_hours=48)
    desk.ec2.delete_tags(Resources=[get_ec2_id(instance)], Tags=[{"Key": "gpudesk:stage"}])
    desk.pass_minutes(150, sweep_every=5)
    assert desk.load(instance).phase is Phase.READY
    assert desk.list_codes(instance).count("tags_lost") == 1
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    desk.ec2.create_tags(Resources=[get_ec2_id(instance)], Tags=[{"Key": "gpudesk:stage", "Value": "dev"}])
    desk.pass_minutes(2)
    assert desk.load(instance).observed.not_visible_since is None


def test_what_vanished_is_gone_only_after_hours_of_absence(desk: World) -> None:
    instance = desk.launch_until_ready(max_hours=48)
    desk.ec2.terminate_instances(InstanceIds=[get_ec2_id(instance)])
    desk.clock.advance(90 * MINUTE)
    desk.pass_minutes(60, sweep_every=5)
    assert desk.load(instance).phase is Phase.READY
    assert desk.load(instance).observed.not_visible_since is not None
    desk.wait_for_phase(instance, Phase.TERMINATED, minutes=70, sweep_every=5)


def test_a_machine_that_was_restarted_between_two_looks_is_under_policy_again(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.ec2.stop_instances(InstanceIds=[get_ec2_id(instance)])
    desk.clock.advance(MINUTE / 6)
    desk.application.sweep.run()
    assert desk.load(instance).phase is Phase.STOPPING
    desk.clock.advance(MINUTE)
    desk.cloud.tick()
    desk.ec2.start_instances(InstanceIds=[get_ec2_id(instance)])
    desk.boot_id = "boot-2"
    desk.wait_for_phase(instance, Phase.READY, minutes=5)


def test_an_adopted_gpu_machine_at_work_is_not_idle(desk: World) -> None:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada"}
    machine = by_hand(desk, tags, "g4dn.xlarge")
    desk.pass_minutes(12)
    found = desk.application.reconciler.stores.instances.find_by_ec2_id(machine)
    assert found is not None
    assert found.spec.hardware.nvidia_gpu_count == 1


def test_a_region_that_does_not_answer_ends_nothing(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.inject("DescribeInstances", "InternalError", times=100)
    for _ in range(60):
        desk.clock.advance(MINUTE)
        report = desk.application.sweep.run()
        assert report.unavailable_regions == ["us-east-1"]
    assert desk.load(instance).phase is Phase.READY
    assert desk.cloud.calls["ec2:StopInstances"] == 0
