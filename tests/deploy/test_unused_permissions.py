"""The list of permissions that no test uses, which a complete run of the tests must leave empty."""

from deploy.policies import POLICIES
from local.aws.iam.policies import parse_policy
from local.aws.iam.usage import find_kind, list_permissions
from local.settings import build_local_names
from tests.support.unused_permissions import list_unused

NAMES = build_local_names()
ALL = {
    (key, permission)
    for key, build in POLICIES.items()
    for permission in list_permissions(NAMES.role(key), parse_policy(build(NAMES).to_policy()))
}
USED = {(permission.role, permission.sid, permission.action, permission.kind) for _, permission in ALL}


def test_permission_is_listed_unless_it_is_used() -> None:
    assert list_unused(USED) == []
    one = next(each for each in USED if each[1] == "SendEmails")
    assert [line.partition(":")[0] for line in list_unused(USED - {one})] == [
        f"{one[0].removeprefix('gpudesk-dev-')} SendEmails"
    ]


def test_role_that_forwards_from_any_region_uses_the_permission() -> None:
    forward = NAMES.role("forward")
    regional = {
        (f"{role}-us-west-2" if role == forward else role, sid, action, kind) for role, sid, action, kind in USED
    }
    assert regional != USED
    assert list_unused(regional) == list_unused(USED)


def test_statement_for_all_resources_is_used_by_a_call_on_one_of_them() -> None:
    connect = next(each for each in USED if each[1:3] == ("ConnectAgent", "ssm:UpdateInstanceInformation"))
    assert list_unused(USED - {connect} | {(*connect[:3], "ec2:instance")}) == list_unused(USED)


def test_kinds_of_resources() -> None:
    account = "123456789012"
    kinds = {
        "*": "*",
        f"arn:aws:ec2:*:{account}:instance/*": "ec2:instance",
        f"arn:aws:dynamodb:us-east-1:{account}:table/things": "dynamodb:table",
        f"arn:aws:dynamodb:us-east-1:{account}:table/things/index/by-owner": "dynamodb:table/index",
        f"arn:aws:dynamodb:us-east-1:{account}:table/things/stream/*": "dynamodb:table/stream",
        f"arn:aws:logs:us-east-1:{account}:log-group:/a/b:log-stream:*": "logs:log-group/log-stream",
        f"arn:aws:logs:us-east-1:{account}:log-group:/a/b:log-stream:": "logs:log-group",
        f"arn:aws:sns:us-east-1:{account}:mails": "sns:topic",
        f"arn:aws:sqs:us-east-1:{account}:failures": "sqs:queue",
        f"arn:aws:ssm:*:{account}:parameter/gpudesk/key": "ssm:parameter",
    }
    assert {resource: find_kind(resource) for resource in kinds} == kinds
