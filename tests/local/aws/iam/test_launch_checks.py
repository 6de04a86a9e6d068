"""Access checks of RunInstances: each resource, each tag and the role, with the keys of their conditions."""

from typing import Any

import pytest

from local.aws.iam.errors import UnknownOperation
from tests.local.aws.iam.access_checks import ACCOUNT, DEV, EC2, REQUESTED, SHARED_EC2, TAGS, list_checks


def test_launch_is_checked_on_each_resource_each_tag_and_the_role() -> None:
    found = list_checks(
        "ec2",
        "RunInstances",
        ImageId="ami-1",
        InstanceType="g4dn.xlarge",
        IamInstanceProfile={"Name": "machines"},
        MetadataOptions={"HttpTokens": "required"},
        BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"Encrypted": True, "VolumeSize": 64}}],
        NetworkInterfaces=[{"SubnetId": "subnet-1", "Groups": ["sg-1"]}],
        TagSpecifications=[
            {"ResourceType": kind, "Tags": TAGS} for kind in ("instance", "volume", "network-interface")
        ],
    )
    contexts = {(action, resource): context for action, resource, context in found}
    run, tag = "ec2:RunInstances", "ec2:CreateTags"
    created = [f"{EC2}:{kind}/*" for kind in ("instance", "volume", "network-interface")]
    used = [
        f"{SHARED_EC2}:image/ami-1",
        f"{EC2}:subnet/subnet-1",
        f"{EC2}:security-group/sg-1",
        f"{SHARED_EC2}:snapshot/snap-of-ami-1",
    ]
    role = f"arn:aws:iam::{ACCOUNT}:role/machines"
    assert contexts.keys() == {
        *((run, each) for each in (*created, *used)),
        *((tag, each) for each in created),
        ("iam:PassRole", role),
    }
    instance = contexts[run, created[0]]
    assert instance.items() >= REQUESTED.items()
    assert instance["ec2:MetadataHttpTokens"] == "required"
    assert instance["ec2:InstanceProfile"] == f"arn:aws:iam::{ACCOUNT}:instance-profile/machines"
    assert contexts[run, created[1]]["ec2:Encrypted"] == "true"
    assert contexts[run, used[0]]["ec2:Owner"] == contexts[run, used[3]]["ec2:Owner"] == "amazon"
    assert contexts[run, used[1]].items() >= {**DEV, "ec2:Vpc": f"{EC2}:vpc/vpc-1"}.items()
    assert contexts[tag, created[2]] == {**REQUESTED, "ec2:CreateAction": "RunInstances"}
    assert contexts["iam:PassRole", role] == {"iam:PassedToService": "ec2.amazonaws.com"}


def test_launch_without_options_says_so() -> None:
    found = {
        resource: context
        for _, resource, context in list_checks("ec2", "RunInstances", ImageId="ami-1", InstanceType="x")
    }
    assert not found[f"{EC2}:instance/*"].keys() & {"aws:TagKeys", "ec2:MetadataHttpTokens", "ec2:InstanceProfile"}
    assert found[f"{EC2}:volume/*"] == {"ec2:Encrypted": "false"}


@pytest.mark.parametrize(
    ("parameters", "subnets", "groups"),
    [
        ({}, {"subnet-default"}, {"sg-of-vpc-1"}),
        ({"SubnetId": "subnet-1"}, {"subnet-1"}, {"sg-of-vpc-1"}),
        ({"SecurityGroupIds": ["sg-1", "sg-2"]}, {"subnet-default"}, {"sg-1", "sg-2"}),
        ({"NetworkInterfaces": [{"Groups": ["sg-1"]}, {"SubnetId": "subnet-1"}]}, {"subnet-default", "subnet-1"},
         {"sg-1", "sg-of-vpc-1"}),
    ],
    ids=["nothing", "subnet", "groups", "interfaces"],
)  # fmt: skip
def test_launch_without_a_subnet_or_group_uses_the_default(
    parameters: dict[str, Any], subnets: set[str], groups: set[str]
) -> None:
    found = list_checks("ec2", "RunInstances", ImageId="ami-1", InstanceType="x", **parameters)
    resources = [resource.removeprefix(f"{EC2}:").split("/") for _, resource, _ in found]
    assert {each[1] for each in resources if each[0] == "subnet"} == subnets
    assert {each[1] for each in resources if each[0] == "security-group"} == groups


@pytest.mark.parametrize(
    "parameters",
    [
        {"SecurityGroups": ["open"]},
        {"LaunchTemplate": {"LaunchTemplateId": "lt-1"}},
        {"CapacityReservationSpecification": {"CapacityReservationPreference": "open"}},
        {"Placement": {"GroupName": "near"}},
        {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}]},
    ],
    ids=str,
)
def test_launch_with_a_parameter_that_may_name_a_resource_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(UnknownOperation, match=next(iter(parameters))):
        list_checks("ec2", "RunInstances", ImageId="ami-1", InstanceType="x", **parameters)


def test_launch_on_spot_also_creates_a_request_and_the_service_linked_role() -> None:
    tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "gpudesk:stage", "Value": "dev"}]}]
    found = list_checks(
        "ec2",
        "RunInstances",
        ImageId="ami-1",
        InstanceType="x",
        InstanceMarketOptions={"MarketType": "spot"},
        TagSpecifications=tags,
    )
    by_resource = {(action, resource.rpartition(":")[2]): context for action, resource, context in found}
    request = by_resource["ec2:RunInstances", "spot-instances-request/*"]
    assert request["aws:RequestTag/gpudesk:stage"] == "dev"
    assert by_resource["ec2:RunInstances", "instance/*"]["ec2:InstanceMarketType"] == "spot"
    role = ("iam:CreateServiceLinkedRole", "role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot")
    assert by_resource[role]["iam:AWSServiceName"] == "spot.amazonaws.com"
