"""Test how the local cloud creates the resources of the templates."""

from dataclasses import replace

import boto3
import pytest
from moto import mock_aws

from deploy.cloudformation import build_resource
from deploy.documents import build_documents
from deploy.home import build_data_resources
from deploy.networks import OUTBOUND_PORTS
from deploy.region import build_log_group, build_security_group
from deploy.roles import build_roles
from local.machines.host.imds import ROLE
from local.resource_types import TYPES, CreatedResource
from local.settings import build_local_names
from local.template_resources import ResourceCreator, UnknownProperty, UnknownResourceType

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


def test_expressions_are_replaced_by_the_resources_before_them() -> None:
    creator = ResourceCreator("us-east-1", {"Role": CreatedResource("name", {"Arn": "arn"})})
    no_value = {"Fn::If": ["HasVpc", "vpc", {"Ref": "AWS::NoValue"}]}
    value = {"Roles": [{"Ref": "Role"}], "Principal": {"Fn::GetAtt": ["Role", "Arn"]}, "VpcId": no_value}
    assert creator.resolve(value) == {"Roles": ["name"], "Principal": "arn"}


def test_new_kind_of_resource_is_an_error_and_not_left_out() -> None:
    resources = {"Bucket": build_resource("AWS::S3::Bucket", {})}
    with pytest.raises(UnknownResourceType, match="Bucket has the type AWS::S3::Bucket"):
        ResourceCreator("us-east-1").create_all(resources)


def test_all_kinds_of_the_templates_are_known() -> None:
    names = build_local_names()
    resources = {**build_data_resources(names), **build_documents(names), "Group": build_security_group(names)}
    resources["Logs"] = build_log_group(names)
    assert {each["Type"] for each in resources.values()} <= set(TYPES)


def test_new_property_is_an_error_and_not_left_out() -> None:
    resources = {"Alarms": build_resource("AWS::SNS::Topic", {"TopicName": "a", "KmsMasterKeyId": "b"})}
    with pytest.raises(UnknownProperty, match="Alarms has KmsMasterKeyId"):
        ResourceCreator("us-east-1").create_all(resources)


@mock_aws
def test_role_and_security_group_are_those_of_the_template() -> None:
    local = build_local_names()
    names = replace(local, settings=replace(local.settings, permissions_boundary=BOUNDARY))
    ResourceCreator("us-east-1").create_all({"SecurityGroup": build_security_group(names), **build_roles(names)})
    role = boto3.client("iam").get_role(RoleName=names.role("instance"))["Role"]
    assert (role["PermissionsBoundary"]["PermissionsBoundaryArn"], role["Tags"]) == (BOUNDARY, names.tags)
    ec2 = boto3.client("ec2", "us-east-1")
    (group,) = ec2.describe_security_groups(GroupNames=[names.security_group])["SecurityGroups"]
    assert not group["IpPermissions"]
    assert sorted((rule["ToPort"], rule["IpProtocol"]) for rule in group["IpPermissionsEgress"]) == sorted(
        (port, protocol) for port, protocol, _ in OUTBOUND_PORTS
    )


def test_metadata_service_names_the_role_of_the_template() -> None:
    """`local/machines` runs alone in a sandbox, so it cannot import the names."""
    assert build_local_names().role("instance") == ROLE
