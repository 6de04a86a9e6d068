"""Evaluation of policies of the principal: which combination of policies allows a request."""

from typing import Any

import pytest

from local.aws.iam.errors import AmbiguousCondition
from local.aws.iam.evaluator import IamRequest, Policies, Reason, decide
from local.aws.iam.policies import Policy
from local.settings import ACCOUNT
from tests.local.aws.iam.policy_requests import ALLOW, NOTHING, QUEUE, SESSION, allow, build, deny, find_reason


@pytest.mark.parametrize(
    ("actions", "action", "is_matched"),
    [
        ("sqs:SendMessage", "SQS:sendmessage", True),
        (["ec2:*", "sqs:Send*"], "sqs:SendMessage", True),
        ("sqs:Send?essage", "sqs:SendMessage", True),
        ("*", "sqs:SendMessage", True),
        ("sqs:Receive*", "sqs:SendMessage", False),
    ],
)
def test_action_and_not_action(actions: Any, action: str, is_matched: bool) -> None:
    statement, negated = allow(actions), {**allow(), "NotAction": actions}
    del negated["Action"]
    assert (find_reason(build(statement), action=action) is Reason.ALLOWED) is is_matched
    assert (find_reason(build(negated), action=action) is Reason.ALLOWED) is not is_matched


@pytest.mark.parametrize(
    ("resources", "is_matched"),
    [
        (QUEUE, True),
        ("*", True),
        ([f"arn:aws:sqs:*:{ACCOUNT}:other", f"arn:aws:sqs:*:{ACCOUNT}:fail*"], True),
        ("arn:aws:sqs:*:*:faile?", True),
        ("arn:aws:sqs:*:*:FAILED", False),
        # A wildcard does not reach beyond its segment.
        ("arn:aws:sqs:*:failed:*", False),
        ("arn:aws:sqs:*:*:${aws:PrincipalTag/queue}", True),
        ("arn:aws:sqs:*:*:${aws:PrincipalTag/missing}", False),
        ("arn:aws:sqs:*:*:${aws:PrincipalTag/missing, 'failed'}", True),
    ],
)
def test_resource_and_not_resource(resources: Any, is_matched: bool) -> None:
    statement, negated = allow(resource=resources), {**allow(), "NotResource": resources}
    del negated["Resource"]
    context = {"aws:PrincipalTag/queue": "failed"}
    assert (find_reason(build(statement), context=context) is Reason.ALLOWED) is is_matched
    if "missing}" not in str(resources):
        assert (find_reason(build(negated), context=context) is Reason.ALLOWED) is not is_matched


def test_variable_of_not_resource_needs_a_value() -> None:
    for statement in (allow(), deny()):
        negated = {**statement, "NotResource": "arn:aws:sqs:*:*:${aws:PrincipalTag/missing}"}
        del negated["Resource"]
        with pytest.raises(AmbiguousCondition, match="NotResource"):
            find_reason(ALLOW, build(negated))


def test_action_without_resources_needs_every_resource() -> None:
    describe = IamRequest("ec2:DescribeInstances", "*")
    for resource, reason in (("*", Reason.ALLOWED), ("arn:aws:ec2:*:*:*", Reason.NO_IDENTITY_POLICY)):
        assert decide(Policies([build(allow("ec2:*", resource))]), describe).reason is reason


def test_variables_are_literal_text_in_the_old_version() -> None:
    statement = allow(resource="arn:aws:sqs:*:*:${aws:userid}")
    context = {"aws:userid": "failed"}
    assert find_reason(build(statement), context=context) is Reason.ALLOWED
    assert find_reason(build(statement, version="2008-10-17"), context=context) is Reason.NO_IDENTITY_POLICY


OWN = {"StringEquals": {"aws:userid": "me"}}


@pytest.mark.parametrize(
    ("identity", "others", "reason"),
    [
        ([ALLOW], {}, Reason.ALLOWED),
        ([], {}, Reason.NO_IDENTITY_POLICY),
        ([NOTHING, ALLOW], {}, Reason.ALLOWED),
        ([ALLOW, build(deny())], {}, Reason.EXPLICIT_DENY),
        ([build(allow(), deny(Condition=OWN))], {}, Reason.EXPLICIT_DENY),
        ([build(allow(), deny(Condition={"StringNotEquals": {"aws:userid": "me"}}))], {}, Reason.ALLOWED),
        ([ALLOW], {"session": [ALLOW]}, Reason.ALLOWED),
        ([ALLOW], {"session": [NOTHING]}, Reason.NO_SESSION_POLICY),
        ([ALLOW], {"session": []}, Reason.NO_SESSION_POLICY),
        ([NOTHING], {"session": [ALLOW]}, Reason.NO_IDENTITY_POLICY),
        ([ALLOW], {"session": [build(allow(), deny())]}, Reason.EXPLICIT_DENY),
        ([ALLOW], {"boundary": [ALLOW]}, Reason.ALLOWED),
        ([ALLOW], {"boundary": [NOTHING]}, Reason.NO_BOUNDARY),
        ([NOTHING], {"boundary": [ALLOW]}, Reason.NO_IDENTITY_POLICY),
        ([ALLOW], {"boundary": [build(allow(), deny())]}, Reason.EXPLICIT_DENY),
        ([ALLOW], {"boundary": [ALLOW], "session": [NOTHING]}, Reason.NO_SESSION_POLICY),
    ],
)
def test_identity_session_and_boundary_must_all_allow(
    identity: list[Policy], others: dict[str, Any], reason: Reason
) -> None:
    assert find_reason(*identity, context={"aws:userid": "me"}, **others) is reason


def test_decision_names_the_statements() -> None:
    policy = build(allow(Sid="Send"), allow("sqs:Receive*", Sid="Receive"))
    found = decide(Policies([policy]), IamRequest("sqs:SendMessage", QUEUE, {}, SESSION))
    assert [statement.sid for statement in found.statements] == ["Send"]
