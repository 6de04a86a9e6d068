"""A service of AWS acts as a role only if the role trusts it."""

import json
from collections.abc import Mapping
from typing import Any

import boto3
import pytest

from local.aws.core.errors import CloudError
from local.aws.core.local_cloud import LocalCloud
from local.aws.iam.errors import UndecidedCall

SERVICE = "events.amazonaws.com"
RULE = "arn:aws:events:us-west-2:123456789012:rule/forward"
TRUST: Mapping[str, Any] = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sts:AssumeRole"}


def create_role(**changed: Any) -> str:
    trust = {"Version": "2012-10-17", "Statement": [{**TRUST, **changed}]}
    role = boto3.client("iam").create_role(RoleName="forward", AssumeRolePolicyDocument=json.dumps(trust))
    return str(role["Role"]["Arn"])


def test_service_gets_a_session_of_a_role_that_trusts_it(cloud: LocalCloud) -> None:
    session = cloud.enforcement.assume_for_service(SERVICE, create_role(), "forward")
    assert session.arn == "arn:aws:sts::123456789012:assumed-role/forward/forward"
    assert cloud.enforcement.denials == []


def test_trust_can_depend_on_what_the_service_acts_for(cloud: LocalCloud) -> None:
    arn = create_role(Condition={"ArnEquals": {"aws:SourceArn": RULE}})
    cloud.enforcement.assume_for_service(SERVICE, arn, "forward", {"aws:SourceArn": RULE})
    with pytest.raises(CloudError, match="sts:AssumeRole"):
        cloud.enforcement.assume_for_service(SERVICE, arn, "forward", {"aws:SourceArn": f"{RULE}-of-others"})


@pytest.mark.parametrize("arn", ["", "arn:aws:iam::123456789012:role/missing"])
def test_missing_role_is_refused(cloud: LocalCloud, arn: str) -> None:
    with pytest.raises(CloudError, match="not authorized to perform: sts:AssumeRole"):
        cloud.enforcement.assume_for_service(SERVICE, arn, "forward")


def test_refused_service_is_counted(cloud: LocalCloud) -> None:
    arn = create_role()
    with pytest.raises(CloudError, match="no resource-based policy allows"):
        cloud.enforcement.assume_for_service("lambda.amazonaws.com", arn, "forward")
    (denial,) = cloud.enforcement.denials
    assert denial.startswith("User: lambda.amazonaws.com is not authorized to perform: sts:AssumeRole")


def test_trust_that_is_not_understood_is_counted(cloud: LocalCloud) -> None:
    arn = create_role(Principal={"Federated": "accounts.example.com"})
    with pytest.raises(UndecidedCall):
        cloud.enforcement.assume_for_service(SERVICE, arn, "forward")
    assert len(cloud.enforcement.denials) == 1
