"""Foreign instances, read from pages of EC2's answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.aws.adoption import AdoptionCalls
from chalicelib.aws.clients import Clients, SdkSession, build_config
from chalicelib.aws.foreign_instances import ForeignInstances
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import AwsForbidden
from local.aws.core.testing import create_session
from tests.unit.foreign.examples import NOW, build_foreign


class StubbedClients(Clients):
    """Clients with one EC2 client, whose answers a test has written."""

    def __init__(self, ec2: Any) -> None:
        super().__init__(build_config(1, 1), SdkSession())
        self._ec2 = ec2

    def ec2(self, region: str) -> Any:
        return self._ec2


@pytest.fixture(scope="module")
def client() -> Any:
    return create_session().client("ec2", "us-east-1")


@pytest.fixture
def ec2(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def build_account(client: Any) -> ForeignInstances:
    return ForeignInstances(StubbedClients(client), "dev", "us-east-1")


def build_raw(instance_id: str, tags: dict[str, str], **more: Any) -> dict[str, Any]:
    return {
        "InstanceId": instance_id,
        "InstanceType": "g5.xlarge",
        "State": {"Code": 16, "Name": "running"},
        "Placement": {"AvailabilityZone": "us-east-1a"},
        "LaunchTime": NOW,
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        **more,
    }


def test_only_instances_without_the_tags_of_this_stage_are_foreign(client: Any, ec2: Stubber) -> None:
    managed = {"Operator": {"Managed": True, "Principal": "eks.amazonaws.com"}}
    pages = [
        [build_raw("i-own", {"gpudesk:id": "gd-1", "gpudesk:stage": "dev"}), build_raw("i-1", {"Name": "a\nb"})],
        [
            build_raw("i-2", {"gpudesk:id": "gd-1", "gpudesk:stage": "prod"}, InstanceLifecycle="spot"),
            build_raw("i-3", {"gpudesk:stage": "dev", "key": "token=abcdef123456"}, PlatformDetails="Windows"),
            build_raw("i-4", {}, InstanceLifecycle="capacity-block", **managed),
        ],
    ]
    filters = [
        {"Name": "instance-type", "Values": ["g*", "p*"]},
        {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
    ]
    for number, page in enumerate(pages):
        ec2.add_response(
            "describe_instances",
            {"Reservations": [{"Instances": page}], **({"NextToken": "next"} if number == 0 else {})},
            {"Filters": filters, "MaxResults": 1000, **({"NextToken": "next"} if number else {})},
        )
    found = {each.instance_id: each for each in build_account(client).list_instances("us-east-1", ["p*", "g*"])}
    assert list(found) == ["i-1", "i-2", "i-3", "i-4"]
    assert (found["i-1"].name, found["i-1"].market, found["i-1"].other_stage) == ("a b", Market.ON_DEMAND, None)
    assert (found["i-2"].market, found["i-2"].other_stage) == (Market.SPOT, "prod")
    assert (found["i-3"].other_stage, found["i-3"].platform) == (None, "Windows")
    assert found["i-3"].tags["key"] == "token=***"
    assert (found["i-4"].market, found["i-4"].manager) == (None, "eks.amazonaws.com")


def test_disks_are_added_up_if_all_of_them_have_a_known_price(client: Any, ec2: Stubber) -> None:
    volumes = [("i-1", "gp3", 64), ("i-1", "gp3", 100), ("i-2", "gp3", 8), ("i-2", "io2", 500)]
    described = [
        {"VolumeType": kind, "Size": size, "Attachments": [{"InstanceId": instance_id}]}
        for instance_id, kind, size in volumes
    ]
    ec2.add_response("describe_volumes", {"Volumes": described})
    instances = [build_foreign(instance_id=f"i-{number}") for number in (1, 2, 3)]
    found = build_account(client).add_disks("us-east-1", instances)
    assert [each.disk_gib for each in found] == [164, None, None]


def test_types_with_a_gpu_are_those_with_gpu_info(client: Any, ec2: Stubber) -> None:
    types = [{"InstanceType": "g5.xlarge", "GpuInfo": {"TotalGpuMemoryInMiB": 1}}, {"InstanceType": "m5.large"}]
    ec2.add_response("describe_instance_types", {"InstanceTypes": types}, {"InstanceTypes": ["g5.xlarge", "m5.large"]})
    assert build_account(client).find_gpu_types("us-east-1", ["m5.large", "g5.xlarge"]) == {"g5.xlarge"}


def test_rejected_call_is_an_error(client: Any, ec2: Stubber) -> None:
    ec2.add_client_error("describe_regions", "UnauthorizedOperation")
    with pytest.raises(AwsForbidden):
        build_account(client).list_regions()


def test_candidate_has_what_decides_about_its_adoption(client: Any, ec2: Stubber) -> None:
    raw = build_raw(
        "i-1",
        {"gpudesk:adopt": "dev"},
        RootDeviceType="instance-store",
        InstanceLifecycle="scheduled",
        Operator={"Managed": True, "Principal": "ecs.amazonaws.com"},
        IamInstanceProfile={"Arn": "arn:aws:iam::123456789012:instance-profile/x"},
    )
    ec2.add_response("describe_instances", {"Reservations": [{"Instances": [raw]}]})
    for name, value in (
        ("DisableApiStop", True),
        ("DisableApiTermination", True),
        ("InstanceInitiatedShutdownBehavior", "terminate"),
    ):
        ec2.add_response("describe_instance_attribute", {"InstanceId": "i-1", name: {"Value": value}})
    calls = AdoptionCalls(StubbedClients(client), "dev")
    candidate = calls.find("us-east-1", "i-1")
    assert candidate is not None
    assert (candidate.market, candidate.has_ebs_root, candidate.has_profile) == (None, False, True)
    assert (candidate.operator, candidate.tags) == ("ecs.amazonaws.com", {"gpudesk:adopt": "dev"})
    full = calls.add_attributes("us-east-1", "i-1", candidate)
    assert (full.is_stop_protected, full.is_termination_protected, full.ends_at_shutdown) == (True, True, True)
