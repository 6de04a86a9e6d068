"""GPU instances that gpudesk did not launch: the daily list, and the adoption of one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from chalicelib.aws.clients import build_client_sets
from chalicelib.aws.foreign_instances import ForeignInstances
from chalicelib.control.loop.list_foreign_instances import ForeignInstanceLister, NoRegionRead
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.costs.daily_costs import CostReport
from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.foreign.adoption import Adoption, AdoptionList, AdoptionState
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.move_target import MoveRequest
from chalicelib.domain.notifications.notification import DESK_ID
from chalicelib.domain.sessions.session import SessionKind, SessionRequest
from chalicelib.store.adoptions import AdoptionRepository
from chalicelib.store.images.table import ImageModel
from local.aws.core.testing import share_sdk_session
from tests.support.world import ADA, ADMIN, MINUTE, World, get_ec2_id

DAY = timedelta(days=1)
NEW_TYPE = "g6.xlarge"
ALLOWED: Any = [{"Key": "gpudesk:adopt", "Value": "dev"}]


def launch_foreign(desk: World, kind: Any = "g5.xlarge", region: str = "us-east-1", disks: Any = ()) -> str:
    """Launch an EC2 instance as another tool in the same account does, and return its id."""
    launched = boto3.client("ec2", region).run_instances(
        ImageId=desk.get_public_image(region), InstanceType=kind, MinCount=1, MaxCount=1, BlockDeviceMappings=disks
    )
    return str(launched["Instances"][0]["InstanceId"])


def allow_adoption(desk: World, instance_id: str) -> list[str]:
    """Set the tag of the account's admin on an instance and what is attached to it, and return all ids."""
    attached: Any = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    volumes = [each["VolumeId"] for each in desk.ec2.describe_volumes(Filters=attached)["Volumes"]]
    interfaces = desk.ec2.describe_network_interfaces(Filters=attached)["NetworkInterfaces"]
    resources = [instance_id, *volumes, *(each["NetworkInterfaceId"] for each in interfaces)]
    desk.ec2.create_tags(Resources=resources, Tags=ALLOWED)
    return resources


def list_messages(desk: World) -> list[str]:
    page = desk.application.reconciler.stores.notifications.list_for_instance(DESK_ID, limit=10)
    return [each.message for each in page.items if each.code == "foreign_instances_found"]


def set_admin_channel(desk: World) -> None:
    store = desk.application.reconciler.stores.desk
    store.save_settings(replace(store.get_settings(), channels=Channels(email="root@example.org")))


class FewRegions(ForeignInstances):
    """Reads two of the enabled regions. The clients of all of them would take a second."""

    def list_regions(self) -> list[str]:
        enabled = super().list_regions()
        assert {"us-east-1", "eu-west-1", "sa-east-1"} < set(enabled)
        assert not {"ap-east-1", "us-gov-west-1", "cn-north-1"} & set(enabled)
        return ["eu-west-1", "us-east-1"]


def build_lister(desk: World) -> ForeignInstanceLister:
    """Return the lister with few regions, and with a catalog that does not know NEW_TYPE yet."""
    lister, settings = desk.application.foreign_instance_lister, desk.application.settings
    known = {name: item for name, item in lister.catalog.types.items() if name != NEW_TYPE}
    account = FewRegions(build_client_sets(share_sdk_session()).loop, settings.stage, settings.home_region)
    return replace(lister, account=account, catalog=replace(lister.catalog, types=known))


def adopt(desk: World, instance_id: str) -> Adoption:
    """Request an adoption, and return what the next run of the function makes of it."""
    desk.application.foreign.request_adoption(ADMIN, instance_id, "us-east-1", "ada")
    (decided,) = desk.application.adoption_tagger.run()
    return decided


def adopt_until_ready(desk: World, disks: Any = (), kind: Any = "g5.xlarge") -> Instance:
    """Launch an instance, adopt it, and return its record."""
    instance_id = launch_foreign(desk, kind, disks=disks)
    allow_adoption(desk, instance_id)
    assert adopt(desk, instance_id).state is AdoptionState.TAGGED
    desk.pass_minutes(11, sweep_every=11)
    record = desk.application.reconciler.stores.instances.find_by_ec2_id(instance_id)
    assert record is not None
    return record


def test_instances_of_all_enabled_regions_are_listed_and_notified_once(desk: World) -> None:
    desk.launch(name="own")
    desk.application.sweep.run()
    near, far = launch_foreign(desk), launch_foreign(desk, "p3.2xlarge", "eu-west-1")
    launch_foreign(desk, "m5.large")
    lister = build_lister(desk)
    assert lister.run().notified == (), "the admins have no channel"
    set_admin_channel(desk)
    desk.clock.advance(DAY)
    inventory = lister.run()
    assert [(each.region, each.instance_id) for each in inventory.list_instances()] == [
        ("eu-west-1", far),
        ("us-east-1", near),
    ]
    assert not [reading for reading in inventory.readings if reading.problem]
    message = list_messages(desk)[0]
    assert far in message
    assert near in message
    later = launch_foreign(desk, NEW_TYPE)
    lister.run()
    assert len(list_messages(desk)) == 2, "at most one summary a day"
    desk.clock.advance(DAY)
    desk.cloud.faults.inject("DescribeInstances", "UnauthorizedOperation", "No.")
    inventory = lister.run()
    (unread,) = [reading for reading in inventory.readings if reading.problem]
    assert unread.problem == "No (UnauthorizedOperation)."
    newest = list_messages(desk)[0]
    assert later in newest
    assert near not in newest
    desk.clock.advance(DAY)
    lister.run()
    assert len(list_messages(desk)) == 3, "each instance is reported once"
    assert desk.get_ec2_state(near) == "running", "nothing is changed"


def test_reading_fails_if_no_region_can_be_read(desk: World) -> None:
    desk.cloud.faults.inject("DescribeInstances", "UnauthorizedOperation", "No.", times=2)
    with pytest.raises(NoRegionRead, match=r"No \(UnauthorizedOperation\)"):
        build_lister(desk).run()
    unread = desk.application.foreign.get_inventory(ADMIN)
    assert [reading.region for reading in unread.readings if reading.problem] == ["eu-west-1", "us-east-1"]


def test_regions_without_time_wait_for_the_next_reading(desk: World) -> None:
    with pytest.raises(NoRegionRead, match="no time left"):
        build_lister(desk).run(seconds_left=1)


def test_instance_is_adopted_kept_for_a_day_warned_and_stopped(desk: World) -> None:
    record = adopt_until_ready(desk)
    assert (record.id, record.owner, record.created_by) == (f"gd-{get_ec2_id(record)[2:]}", "ada", "root")
    assert (record.phase, record.reason.code) == (Phase.READY, "adopted_on_request")
    assert desk.application.foreign.get_adoption(ADMIN, get_ec2_id(record)).has_record
    desk.clock.advance(DAY - 12 * MINUTE)
    desk.pass_minutes(1)
    assert desk.load(record).warning is None
    desk.pass_minutes(1)
    assert desk.load(record).warning is not None
    assert desk.get_ec2_state(get_ec2_id(record)) == "running"
    desk.clock.advance(9 * MINUTE)
    desk.wait_for_phase(record, Phase.STOPPED, 5)
    codes = desk.list_codes(record)
    assert codes[0] == "adopted_on_request"
    assert codes.index("lifetime_warning") < codes.index("stop_initiated")
    assert "activity_unknown" not in codes
    desk.application.instances.start(ADA, record.id)
    started = desk.wait_for_phase(record, Phase.READY, 10)
    desk.clock.advance(20 * MINUTE)
    desk.pass_minutes(1)
    assert desk.load(started).phase is Phase.READY, "no agent is expected"
    imaged = desk.application.images.create(ADA, record.id, name="vision", description="", no_reboot=True)
    assert "no_instance_profile" in [each.code for each in imaged.warnings], "an image requires the agent"


def test_disks_of_another_kind_than_gp3_have_no_price_and_costs_are_incomplete(desk: World) -> None:
    record = adopt_until_ready(desk, [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 8, "VolumeType": "gp2"}}])
    assert (record.spec.disk_gib or 0) > 8
    assert record.billing.rates.disk is None
    (entry,) = desk.list_timeline(record)
    assert "Not all of its disks are gp3, and gpudesk knows only the price of gp3" in entry.message
    desk.pass_minutes(1)
    today = CostReport(since=desk.now.date(), until=desk.now.date())
    assert desk.application.costs.list_costs(ADMIN, "ada", today).summary.is_incomplete


def test_instance_without_a_profile_says_why_sessions_and_setups_do_not_work(desk: World) -> None:
    name = adopt_until_ready(desk).name
    app, page = desk.application, "setup-instance-permissions.html"
    warning = app.sessions.connect(ADA, name).warning
    assert warning is not None
    assert page in warning.message
    with pytest.raises(Conflict, match="has no instance profile") as refused:
        app.sessions.open_session(ADA, name, SessionRequest(kind=SessionKind.SHELL))
    assert (refused.value.code, page in refused.value.message) == ("no_instance_profile", True)
    with pytest.raises(Conflict, match="did not launch"):
        app.moves.estimate(ADA, name, MoveRequest())
    changed = app.instances.update_policy(ADA, name, PolicyOverride(before_stop_hook="/home/ubuntu/save.sh"))
    assert [each.code for each in changed.warnings] == ["no_instance_profile"]
    assert app.instances.update_policy(ADA, name, PolicyOverride(max_hours=5)).warnings == ()
    granted = app.setup.run(ADA, name, recipe="bare", parameters={})
    assert [each.code for each in granted.warnings] == ["no_instance_profile"]


def test_termination_waits_for_no_image_whose_record_cannot_be_read(desk: World) -> None:
    adopted = adopt_until_ready(desk, kind="p3.2xlarge")
    images, stores = desk.application.images, desk.application.reconciler.stores
    created = images.create(ADA, adopted.name, name="v100", description="", no_reboot=True)
    assert created.image.source.base_image_parameter is None
    assert images.get(ADA, "v100") == created.image
    assert created.warnings[-1].code == "no_instance_profile"
    break_image(created.image.id)
    desk.application.instances.terminate(ADA, adopted.id)
    desk.application.reconciler.reconcile(adopted.id)
    assert desk.load(adopted).phase is Phase.READY
    desk.application.sweep.run()
    desk.application.reconciler.reconcile(adopted.id)
    assert desk.load(adopted).phase is Phase.TERMINATING
    (failure,) = [entry for entry in desk.list_timeline(adopted) if entry.code == "image_failed"]
    assert "cannot read the record of the image" in failure.message
    (to_admins,) = stores.notifications.list_for_instance(created.image.id, limit=10).items
    assert (to_admins.code, to_admins.owner) == ("record_unreadable", "admin")


def break_image(image_id: str) -> None:
    item = ImageModel.get(image_id)
    item.record = "{}"
    item.save()


def test_termination_waits_for_no_image_without_a_record(desk: World) -> None:
    adopted = adopt_until_ready(desk)
    created = desk.application.images.create(ADA, adopted.name, name="lost", description="", no_reboot=True)
    ImageModel.get(created.image.id).delete()
    desk.application.sweep.run()
    assert desk.load(adopted).image_in_progress is None
    assert desk.list_codes(adopted)[-1] == "image_failed"


def test_tags_go_to_the_instance_last_and_only_where_the_account_admin_allows(desk: World) -> None:
    instance_id = launch_foreign(desk)
    refused = adopt(desk, instance_id)
    assert (refused.state, "gpudesk:adopt=dev" in refused.message) == (AdoptionState.REFUSED, True)
    desk.ec2.create_tags(Resources=[instance_id], Tags=ALLOWED)
    adopted = adopt(desk, instance_id)
    assert adopted.state is AdoptionState.TAGGED
    assert "these did not get gpudesk's tags: eni-" in adopted.message
    filters: Any = [{"Name": "key", "Values": ["gpudesk:id"]}]
    assert [each["ResourceId"] for each in desk.ec2.describe_tags(Filters=filters)["Tags"]] == [instance_id]


class CrashingAdoptions(AdoptionRepository):
    """Adoptions that cannot be written once the instance is tagged."""

    def update(self, decide: Callable[[AdoptionList], Adoption | None]) -> Adoption | None:
        def crash(current: AdoptionList) -> Adoption | None:
            after = decide(current)
            if after and after.state is AdoptionState.TAGGED:
                raise TimeoutError
            return after

        return super().update(crash)


def test_adoption_is_repeated_after_a_crash_between_tags_and_result(desk: World) -> None:
    instance_id = launch_foreign(desk)
    resources = allow_adoption(desk, instance_id)
    desk.application.foreign.request_adoption(ADMIN, instance_id, "us-east-1", "ada")
    tagger = desk.application.adoption_tagger
    crashing = replace(tagger, stores=replace(tagger.stores, adoptions=CrashingAdoptions()))
    with pytest.raises(TimeoutError):
        crashing.run()
    (again,) = tagger.run()
    assert again.state is AdoptionState.TAGGED
    assert again.message.startswith("gpudesk counts its costs")
    assert desk.cloud.calls["ec2:CreateTags"] == 1 + len(resources)
    assert tagger.run() == []


def test_paused_desk_adopts_nothing(desk: World) -> None:
    instance_id = launch_foreign(desk)
    allow_adoption(desk, instance_id)
    desk.pause()
    status = desk.application.foreign.request_adoption(ADMIN, instance_id, "us-east-1", "ada")
    assert [each.code for each in status.warnings][:1] == ["desk_paused"]
    assert desk.application.adoption_tagger.run() == []
    assert desk.cloud.calls["ec2:CreateTags"] == 1, "only that of the admin"


def test_error_that_can_pass_leaves_the_request_and_another_one_refuses_it(desk: World) -> None:
    instance_id = launch_foreign(desk)
    allow_adoption(desk, instance_id)
    desk.application.foreign.request_adoption(ADMIN, instance_id, "us-east-1", "ada")
    desk.cloud.faults.inject("DescribeInstances", "RequestLimitExceeded", "Slow down.")
    assert desk.application.adoption_tagger.run() == []
    desk.cloud.faults.inject("CreateTags", "UnauthorizedOperation", "No.")
    (refused,) = desk.application.adoption_tagger.run()
    assert refused.state is AdoptionState.REFUSED
    assert refused.message == f"AWS rejected a call for {instance_id}: No (UnauthorizedOperation)."
    assert adopt(desk, instance_id).state is AdoptionState.TAGGED
