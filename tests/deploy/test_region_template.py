"""Resources of a region stack."""

import re
from typing import Any

import pytest

from deploy.cloudformation import Template
from deploy.documents import MAX_DOCUMENT_BYTES, DocumentTooLarge, build_document
from deploy.names import ResourceNames
from ssm_documents.compose import list_document_names
from ssm_documents.session_documents import list_session_names
from tests.deploy.templates import KEY, build_region, build_settings

ACCEPTED_BY_EC2 = re.compile(r"[a-zA-Z0-9 ._:/()#,@\[\]+=&;{}!$*-]{1,255}")
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html"""


@pytest.fixture
def region() -> Template:
    return build_region()


def get_properties(template: Template, logical_id: str) -> Any:
    return template["Resources"][logical_id]["Properties"]


def test_all_documents_have_the_stage_in_their_names(region: Template) -> None:
    documents = [each["Properties"] for each in region["Resources"].values() if each["Type"] == "AWS::SSM::Document"]
    names = {document["Name"] for document in documents}
    expected = (*list_document_names(), *list_session_names())
    assert names == {name.replace("gpudesk-", "gpudesk-prod-", 1) for name in expected}
    assert {document["UpdateMethod"] for document in documents} == {"NewVersion"}


def test_document_that_is_too_large_is_refused(region: Template) -> None:
    content = {"description": "x" * MAX_DOCUMENT_BYTES}
    with pytest.raises(DocumentTooLarge, match=r"gpudesk-large has 600[0-9]{2} bytes; .*Shorten its scripts"):
        build_document(ResourceNames(build_settings()), "gpudesk-large", "Command", content)


def test_security_group_has_no_ingress_and_the_tag_that_launches_require(region: Template) -> None:
    group = get_properties(region, "SecurityGroup")
    assert group["SecurityGroupIngress"] == []
    assert {(each["FromPort"], each["IpProtocol"]) for each in group["SecurityGroupEgress"]} == {
        (443, "tcp"),
        (80, "tcp"),
        (53, "tcp"),
        (53, "udp"),
    }
    texts = [group["GroupDescription"], *(rule["Description"] for rule in group["SecurityGroupEgress"])]
    assert all(ACCEPTED_BY_EC2.fullmatch(text) for text in texts)
    assert group["Tags"] == [{"Key": "gpudesk:stage", "Value": "prod"}]


def test_given_vpc_and_key_of_a_region_are_used(region: Template) -> None:
    assert region["Mappings"]["Regions"] == {
        "eu-west-1": {"Vpc": "", "GroupName": "gpudesk-prod", "KmsKey": ""},
        "us-west-2": {"Vpc": "vpc-0a1b2c3d", "GroupName": "gpudesk-prod-vpc-0a1b2c3d", "KmsKey": KEY},
    }
    name = {"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "GroupName"]}
    assert get_properties(region, "SecurityGroup")["GroupName"] == {"Fn::If": ["HasVpc", name, "gpudesk-prod"]}
    vpc = {"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "Vpc"]}
    assert get_properties(region, "SecurityGroup")["VpcId"] == {"Fn::If": ["HasVpc", vpc, {"Ref": "AWS::NoValue"}]}


def test_events_are_forwarded_to_the_home_region_except_from_there(region: Template) -> None:
    forwarding = {name for name, each in region["Resources"].items() if each.get("Condition") == "IsOutsideHome"}
    assert forwarding == {"ForwardRole", "ForwardEc2Rule", "ForwardSpotRule", "ForwardSsmRule"}
    assert region["Conditions"]["IsOutsideHome"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]}]}
    bus = {"Fn::Sub": "arn:${AWS::Partition}:events:eu-west-1:${AWS::AccountId}:event-bus/default"}
    (target,) = get_properties(region, "ForwardEc2Rule")["Targets"]
    assert (target["Arn"], target["RoleArn"]) == (bus, {"Fn::GetAtt": ["ForwardRole", "Arn"]})
    (policy,) = get_properties(region, "ForwardRole")["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["events:PutEvents"], [bus])
    name = get_properties(region, "ForwardRole")["RoleName"]
    assert name == {"Fn::Sub": "gpudesk-prod-forward-${AWS::Region}"}, "names of roles are unique in the account"
