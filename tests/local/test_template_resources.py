"""Test how the local cloud creates the resources of the templates."""

import pytest

from deploy.cloudformation import build_resource
from deploy.documents import build_documents
from deploy.home import build_data_resources
from deploy.region import build_security_group
from local import template_resources
from local.machines.host.imds import ROLE
from local.settings import build_local_names
from local.template_resources import Created, ResourceCreator, UnknownResourceType


def test_expressions_are_replaced_by_the_resources_before_them() -> None:
    creator = ResourceCreator("us-east-1", {"Role": Created("name", {"Arn": "arn"})})
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
    assert {each["Type"] for each in resources.values()} <= set(template_resources._CREATE)


def test_metadata_service_names_the_role_of_the_template() -> None:
    """`local/machines` runs alone in a sandbox, so it cannot import the names."""
    assert build_local_names().role("instance") == ROLE
