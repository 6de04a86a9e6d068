"""Attribution: a call is made with the key of the acting role."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.core.local_cloud import LocalCloud
from local.aws.iam.attribution import FunctionRole, InstanceRole, act_as, get_acting_identity
from local.aws.iam.errors import AmbiguousCondition, UnknownOperation
from tests.local.aws.sessions import ROLE_NAME, TRUST_POLICY, assume, create_client, create_session_role

SWEEP = FunctionRole("sweep-role")
ALLOWED = {"Effect": "Allow", "Action": "ec2:DescribeInstances", "Resource": "*"}


@pytest.fixture
def sts(cloud: LocalCloud) -> Any:
    iam = boto3.client("iam")
    iam.create_role(RoleName=SWEEP.name, AssumeRolePolicyDocument=json.dumps(TRUST_POLICY))
    policy = json.dumps({"Version": "2012-10-17", "Statement": [ALLOWED]})
    iam.put_role_policy(RoleName=SWEEP.name, PolicyName="sweep", PolicyDocument=policy)
    return boto3.client("sts", "us-east-1")


def find_caller(sts: Any) -> str:
    """Return the role session of the caller, or the user."""
    return str(sts.get_caller_identity()["Arn"]).rpartition(":")[2]


def test_one_client_calls_as_the_role_that_acts(sts: Any) -> None:
    before = find_caller(sts)
    with act_as(SWEEP):
        assert find_caller(sts) == "assumed-role/sweep-role/sweep-role"
        with act_as(None):
            assert find_caller(sts) == before
    assert find_caller(sts) == before


def test_role_may_do_what_its_policy_allows(sts: Any, cloud: LocalCloud) -> None:
    ec2 = boto3.client("ec2", "us-east-1")
    with act_as(SWEEP):
        ec2.describe_instances()
        with pytest.raises(ClientError, match=r"assumed-role/sweep-role.*no identity-based policy allows"):
            ec2.describe_images()
    ec2.describe_images()
    assert len(cloud.enforcement.denials) == 1


def test_open_session_has_the_present_policies_of_its_role(sts: Any) -> None:
    ec2, iam = boto3.client("ec2", "us-east-1"), boto3.client("iam")
    with act_as(SWEEP):
        ec2.describe_instances()
        with act_as(None):
            iam.delete_role_policy(RoleName=SWEEP.name, PolicyName="sweep")
        with pytest.raises(ClientError, match="no identity-based policy allows"):
            ec2.describe_instances()


def test_function_gets_a_session_of_the_new_role_with_the_same_name(sts: Any) -> None:
    iam = boto3.client("iam")
    with act_as(SWEEP):
        before = sts.get_caller_identity()["UserId"]
    iam.delete_role_policy(RoleName=SWEEP.name, PolicyName="sweep")
    iam.delete_role(RoleName=SWEEP.name)
    iam.create_role(RoleName=SWEEP.name, AssumeRolePolicyDocument=json.dumps(TRUST_POLICY))
    with act_as(SWEEP):
        assert sts.get_caller_identity()["UserId"] != before


def test_session_of_a_deleted_role_may_do_nothing(sts: Any) -> None:
    create_session_role()
    ec2, iam = create_client("ec2", assume()), boto3.client("iam")
    for policy in iam.list_role_policies(RoleName=ROLE_NAME)["PolicyNames"]:
        iam.delete_role_policy(RoleName=ROLE_NAME, PolicyName=policy)
    iam.delete_role(RoleName=ROLE_NAME)
    with pytest.raises(ClientError, match="not authorized"):
        ec2.describe_instances()


def test_call_that_cannot_be_decided_counts_as_denied(sts: Any, cloud: LocalCloud) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": {**ALLOWED, "Condition": {"NumericLessThan": {"aws:userid": "5"}}},
    }
    boto3.client("iam").put_role_policy(RoleName=SWEEP.name, PolicyName="odd", PolicyDocument=json.dumps(document))
    with act_as(SWEEP):
        with pytest.raises(AmbiguousCondition):
            boto3.client("ec2", "us-east-1").describe_instances()
        with pytest.raises(UnknownOperation):
            boto3.client("ec2", "us-east-1").describe_addresses()
    ambiguous, unknown = cloud.enforcement.denials
    assert "may call ec2:DescribeInstances. 'AROA" in ambiguous
    assert "may call ec2:DescribeAddresses. The access checks of ec2:DescribeAddresses are unknown." in unknown


def test_thread_acts_as_the_function_that_started_it(sts: Any) -> None:
    with act_as(SWEEP), ThreadPoolExecutor(1) as threads:
        assert threads.submit(find_caller, sts).result().startswith("assumed-role/sweep-role")
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(get_acting_identity).result() is None


def test_client_with_credentials_of_its_own_keeps_them(sts: Any) -> None:
    create_session_role()
    own = create_client("sts", assume())
    with act_as(SWEEP):
        assert find_caller(own).startswith(f"assumed-role/{ROLE_NAME}/")


def test_unknown_role_and_instance_without_a_role_cannot_call(sts: Any) -> None:
    with act_as(FunctionRole("no-such-role")), pytest.raises(KeyError, match="no-such-role"):
        sts.get_caller_identity()
    dynamodb = boto3.client("dynamodb", "us-east-1")
    with act_as(InstanceRole("i-0")), pytest.raises(ClientError, match="UnrecognizedClientException"):
        dynamodb.list_tables()
