"""Scenario tests of EC2 instances that others launch, stop, start, tag or terminate.

What follows from a change is tested without AWS, in `tests/unit/instances/test_external_changes.py`.
"""

from dataclasses import replace
from typing import Any

import boto3
import pytest
from pynamodb.exceptions import QueryError

from chalicelib.domain.common.deadlines import HEARTBEAT_RETENTION
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.commands.stop_start import warn_of_type
from chalicelib.domain.instances.lifecycle.heartbeat_messages import build_response
from chalicelib.domain.instances.record import Phase
from chalicelib.store.heartbeats import HeartbeatModel
from chalicelib.store.instances.repository import InstanceRepository
from tests.support.documents import get_ssm_name
from tests.support.world import ADA, MINUTE, World, get_ec2_id


def launch_without_gpudesk(desk: World, tags: dict[str, str], kind: Any = "t3.large", region: str = "us-east-1") -> str:
    """Launch an EC2 instance as another tool in the same account does, and return its id."""
    image = desk.get_public_image(region)
    tag_list: list[Any] = [{"Key": key, "Value": value} for key, value in tags.items()]
    launched = boto3.client("ec2", region).run_instances(
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
    desk.pass_minutes(12, sweep_every=6)
    assert {desk.get_ec2_state(untagged), desk.get_ec2_state(other_stage)} == {"running"}
    assert list(desk.application.reconciler.stores.instances.list_active()) == []
    assert not {"ec2:StopInstances", "ec2:TerminateInstances"} & set(desk.cloud.calls)


def test_instance_with_tags_and_without_a_record_is_adopted_after_the_visibility_grace(desk: World) -> None:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada", "Name": "lost-one"}
    ec2_id = launch_without_gpudesk(desk, tags, "m5n.large")
    desk.pass_minutes(9, sweep_every=9)
    assert not desk.application.reconciler.stores.instances.exists_for_ec2_id(ec2_id)
    desk.pass_minutes(2, sweep_every=2)
    adopted = desk.application.reconciler.stores.instances.find_by_ec2_id(ec2_id)
    assert adopted is not None
    assert (adopted.id, adopted.owner, adopted.name) == ("gd-lost", "ada", "lost-one")
    assert adopted.spec.hardware.nvidia_gpu_count is None
    assert "gpu" in adopted.spec.enabled_signals
    line = desk.list_timeline(adopted)[0]
    assert line.code == "adopted"
    assert "gpudesk knows no price of m5n.large" in line.message
    assert adopted.billing.rates.instance is None
    assert adopted.spec.disk_gib == 8, "the size of its volume in EC2"
    assert adopted.lifetime_ends_at is not None


def test_orphan_that_cannot_be_looked_up_does_not_end_the_sweep(desk: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = [launch_without_gpudesk(desk, {"gpudesk:id": f"gd-{n}", "gpudesk:stage": "dev"}) for n in range(2)]
    instances = desk.application.reconciler.stores.instances
    find = InstanceRepository.exists_for_ec2_id

    def find_or_fail(self: InstanceRepository, instance_id: str) -> bool:
        if instance_id == lost[0]:
            raise QueryError("throttled")
        return find(self, instance_id)

    monkeypatch.setattr(InstanceRepository, "exists_for_ec2_id", find_or_fail)
    desk.pass_minutes(11, sweep_every=11)
    assert [instances.find_by_ec2_id(instance_id) is not None for instance_id in lost] == [False, True]


def test_instance_is_adopted_although_its_volumes_may_not_be_read(desk: World) -> None:
    ec2_id = launch_without_gpudesk(desk, {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev"}, "g4dn.xlarge")
    desk.cloud.faults.inject("DescribeVolumes", "UnauthorizedOperation", "no", status=403)
    desk.pass_minutes(12, sweep_every=12)
    adopted = desk.application.reconciler.stores.instances.find_by_ec2_id(ec2_id)
    assert adopted is not None
    assert (adopted.spec.disk_gib, adopted.billing.rates.disk) == (None, None)
    assert "gpudesk could not read the size of its disks" in desk.list_timeline(adopted)[0].message


def test_tags_that_a_shell_would_interpret_are_not_adopted(desk: World) -> None:
    tags = {"gpudesk:id": "x; reboot", "gpudesk:stage": "dev", "gpudesk:owner": "$(id)", "Name": "a\n ProxyCommand x"}
    ec2_id = launch_without_gpudesk(desk, tags, "g4dn.xlarge")
    desk.pass_minutes(12, sweep_every=12)
    adopted = desk.application.reconciler.stores.instances.find_by_ec2_id(ec2_id)
    assert adopted is not None
    assert (adopted.id, adopted.owner, adopted.name) == (f"gd-{ec2_id[2:]}", "nobody", ec2_id)


def test_instance_with_tags_in_a_deployed_region_without_any_record_is_adopted(desk: World) -> None:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada", "Name": "lost-one"}
    ec2_id = launch_without_gpudesk(desk, tags, "g4dn.xlarge", "eu-west-1")
    desk.clock.advance(11 * MINUTE)
    assert desk.application.sweep.run().adopted == []
    settings = replace(desk.application.settings, regions=("us-east-1", "eu-west-1"))
    reconciler = replace(desk.application.reconciler, settings=settings)
    assert replace(desk.application.sweep, reconciler=reconciler).run().adopted == [ec2_id]


def test_adoption_that_conflicts_with_another_transaction_is_repeated_at_once(desk: World) -> None:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada", "Name": "lost-one"}
    ec2_id = launch_without_gpudesk(desk, tags)
    desk.clock.advance(11 * MINUTE)
    desk.cloud.faults.inject_conflict()
    assert desk.application.sweep.run().adopted == [ec2_id]


def test_adopted_instance_whose_name_tag_is_no_valid_name_is_named_by_its_id(desk: World) -> None:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada", "Name": "gd-other\u202e"}
    ec2_id = launch_without_gpudesk(desk, tags)
    desk.pass_minutes(12, sweep_every=12)
    adopted = desk.application.reconciler.stores.instances.find_by_ec2_id(ec2_id)
    assert adopted is not None
    assert adopted.name == "gd-lost"


def test_instance_with_the_tags_of_another_record_gets_its_own_record(desk: World) -> None:
    instance = desk.launch_until_ready()
    tags = {"gpudesk:id": instance.id, "gpudesk:stage": "dev", "gpudesk:owner": "ada"}
    copy = launch_without_gpudesk(desk, tags)
    desk.pass_minutes(12, sweep_every=6)
    adopted = desk.application.reconciler.stores.instances.find_by_ec2_id(copy)
    assert adopted is not None
    assert adopted.id != instance.id
    assert get_ec2_id(desk.load(instance)) != copy
    desk.pass_minutes()
    assert desk.load(adopted).phase is Phase.READY, "it is found again although its tag names another record"


def test_instance_that_is_stopped_and_started_externally_is_managed_again(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.ec2.stop_instances(InstanceIds=[get_ec2_id(instance)])
    desk.wait_for_phase(instance, Phase.STOPPED, minutes=5)
    desk.pass_minutes()
    assert desk.get_ec2_state(get_ec2_id(instance)) == "stopped"
    desk.ec2.start_instances(InstanceIds=[get_ec2_id(instance)])
    desk.boot_id = "boot-2"
    desk.wait_for_phase(instance, Phase.READY, minutes=5)
    assert desk.list_codes(instance)[-3:] == ["stopped_externally", "started_externally", "ready"]


def test_instance_that_is_terminated_externally_is_closed(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.ec2.terminate_instances(InstanceIds=[get_ec2_id(instance)])
    instance = desk.wait_for_phase(instance, Phase.TERMINATED, minutes=5)
    assert desk.list_codes(instance)[-1] == "terminated_externally"


def test_instance_that_lost_its_tags_is_notified_and_found_again_with_them(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.clock.advance(10 * MINUTE)  # EC2 may not show a new instance before
    desk.ec2.delete_tags(Resources=[get_ec2_id(instance)], Tags=[{"Key": "gpudesk:stage"}])
    desk.pass_minutes(3)
    assert desk.load(instance).observed.not_visible_since is not None
    assert desk.list_codes(instance).count("tags_lost") == 1
    assert desk.get_ec2_state(get_ec2_id(instance)) == "running"
    desk.ec2.create_tags(Resources=[get_ec2_id(instance)], Tags=[{"Key": "gpudesk:stage", "Value": "dev"}])
    desk.pass_minutes()
    assert desk.load(instance).observed.not_visible_since is None


def test_terminated_instance_that_ec2_no_longer_shows_is_gone_after_hours(desk: World) -> None:
    instance = desk.launch_until_ready(max_hours=48)
    heartbeat_key = desk.build_heartbeat_key(get_ec2_id(instance))
    desk.ec2.terminate_instances(InstanceIds=[get_ec2_id(instance)])
    desk.clock.advance(90 * MINUTE)
    desk.pass_minutes()
    assert desk.load(instance).phase is Phase.READY
    assert desk.load(instance).observed.not_visible_since is not None
    assert HeartbeatModel.get(heartbeat_key).expires_at is None
    desk.clock.advance(119 * MINUTE)
    desk.pass_minutes()
    assert desk.load(instance).phase is Phase.TERMINATED
    assert HeartbeatModel.get(heartbeat_key).expires_at == desk.now + HEARTBEAT_RETENTION


def test_region_that_does_not_respond_changes_nothing(desk: World) -> None:
    instance = desk.launch_until_ready()
    desk.cloud.faults.inject("DescribeInstances", "InternalError", times=100)
    for _ in range(3):
        desk.clock.advance(20 * MINUTE)
        report = desk.application.sweep.run()
        assert report.unavailable_regions == ["us-east-1"]
    assert desk.load(instance).phase is Phase.READY
    assert desk.cloud.calls["ec2:StopInstances"] == 0


def test_type_that_is_changed_while_stopped_counts_after_the_start(desk: World) -> None:
    instance = desk.launch_until_stopped()
    desk.ec2.modify_instance_attribute(InstanceId=get_ec2_id(instance), InstanceType={"Value": "g4dn.12xlarge"})
    desk.pass_minutes(2)
    desk.application.instances.start(ADA, instance.id)
    started = desk.wait_for_phase(instance, Phase.READY)
    assert started.spec.hardware.nvidia_gpu_count == 4
    assert f"{started.billing.rates.instance}" == "3.912"
    assert desk.list_codes(instance).count("type_changed") == 1
    ran = desk.cloud.machines.executed_scripts  # type: ignore[attr-defined]
    scripts = [script for _, script in ran if script.document_name == get_ssm_name("gpudesk-probe")]
    assert scripts[-1].environment["SSM_gpuCount"] == "4"


def test_instance_of_an_unknown_type_is_not_stopped_as_idle_and_does_not_stop_itself(desk: World) -> None:
    instance = desk.launch_until_stopped()
    desk.ec2.modify_instance_attribute(InstanceId=get_ec2_id(instance), InstanceType={"Value": "m5n.large"})
    desk.pass_minutes(2)
    desk.application.instances.start(ADA, instance.id)
    started = desk.wait_for_phase(instance, Phase.READY)
    assert "gpu" in build_response(started, DeskSettings()).policy.signals
    messages = {str(line.code): line.message for line in desk.list_timeline(instance)}
    for code in ("type_changed", "ready"):
        assert "gpudesk does not know how many GPUs m5n.large has" in messages[code]
        assert "only the end of its lifetime stops it, 12 hours after its start (max_hours)" in messages[code]


def test_type_of_another_architecture_is_explained_and_not_started(desk: World) -> None:
    instance = desk.launch_until_stopped()
    desk.ec2.modify_instance_attribute(InstanceId=get_ec2_id(instance), InstanceType={"Value": "g5g.xlarge"})
    desk.pass_minutes(2)
    warning = warn_of_type(desk.application.instances.start(ADA, instance.id))
    assert warning is not None
    assert (
        "g5g.xlarge is arm64 and the AMI is x86_64, so EC2 rejects each start. Change the type back" in warning.message
    )
    stopped = desk.wait_until(instance, lambda now: "start_failed" in desk.list_codes(now), 5)
    assert stopped.phase is Phase.STOPPED
    messages = {str(line.code): line.message for line in desk.list_timeline(instance)}
    assert "Its architecture is arm64 now and no longer x86_64" in messages["type_changed"]
    assert "change the type back" in messages["type_changed"]
    assert "Change the type back, then start it; or launch another instance." in messages["start_failed"]
    assert "Start it again later" not in messages["start_failed"]
    assert "The architecture 'arm64' of the specified instance type does not match" in messages["start_failed"]
