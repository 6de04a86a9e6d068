"""Evaluation of policies: which combination of policies allows a request."""

from typing import Any

import pytest

from local.aws.iam.errors import AmbiguousCondition, UnknownPolicyElement
from local.aws.iam.evaluator import IamRequest, Policies, Reason, decide
from local.aws.iam.policies import Policy, parse_policy, parse_policy_text
from local.aws.iam.principals import Principal

ACCOUNT = "123456789012"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:failed"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/control"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/control/sweep"
SESSION = Principal(arn=SESSION_ARN, role_arn=ROLE_ARN, account=ACCOUNT)
EVENTS = Principal(service="events.amazonaws.com")


def build(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    return parse_policy({"Version": version, "Statement": list(statements)})


def allow(action: Any = "sqs:*", resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **others}


def deny(action: Any = "sqs:*", resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {**allow(action, resource, **others), "Effect": "Deny"}


def list_checks(
    *identity: Policy, action: str = "sqs:SendMessage", resource: str = QUEUE, who: Principal = SESSION, **others: Any
) -> Reason:
    context = others.pop("context", {})
    return decide(Policies(identity, **others), IamRequest(action, resource, context, who)).reason


ALLOW = build(allow())
NOTHING = build(allow("ec2:*"))


@pytest.mark.parametrize(
    ("actions", "action", "is_named"),
    [
        ("sqs:SendMessage", "SQS:sendmessage", True),
        (["ec2:*", "sqs:Send*"], "sqs:SendMessage", True),
        ("sqs:Send?essage", "sqs:SendMessage", True),
        ("*", "sqs:SendMessage", True),
        ("sqs:Receive*", "sqs:SendMessage", False),
    ],
)
def test_action_and_not_action(actions: Any, action: str, is_named: bool) -> None:
    named, others = allow(actions), {**allow(), "NotAction": actions}
    del others["Action"]
    assert (list_checks(build(named), action=action) is Reason.ALLOWED) is is_named
    assert (list_checks(build(others), action=action) is Reason.ALLOWED) is not is_named


@pytest.mark.parametrize(
    ("resources", "is_named"),
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
def test_resource_and_not_resource(resources: Any, is_named: bool) -> None:
    named, others = allow(resource=resources), {**allow(), "NotResource": resources}
    del others["Resource"]
    context = {"aws:PrincipalTag/queue": "failed"}
    assert (list_checks(build(named), context=context) is Reason.ALLOWED) is is_named
    if "missing}" not in str(resources):
        assert (list_checks(build(others), context=context) is Reason.ALLOWED) is not is_named


def test_variable_of_not_resource_needs_a_value() -> None:
    for statement in (allow(), deny()):
        others = {**statement, "NotResource": "arn:aws:sqs:*:*:${aws:PrincipalTag/missing}"}
        del others["Resource"]
        with pytest.raises(AmbiguousCondition, match="NotResource"):
            list_checks(ALLOW, build(others))


def test_action_without_resources_needs_every_resource() -> None:
    describe = IamRequest("ec2:DescribeInstances", "*")
    for resource, reason in (("*", Reason.ALLOWED), ("arn:aws:ec2:*:*:*", Reason.NO_IDENTITY_POLICY)):
        assert decide(Policies([build(allow("ec2:*", resource))]), describe).reason is reason


def test_variables_are_literal_text_in_the_old_version() -> None:
    statement = allow(resource="arn:aws:sqs:*:*:${aws:userid}")
    context = {"aws:userid": "failed"}
    assert list_checks(build(statement), context=context) is Reason.ALLOWED
    assert list_checks(build(statement, version="2008-10-17"), context=context) is Reason.NO_IDENTITY_POLICY


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
    assert list_checks(*identity, context={"aws:userid": "me"}, **others) is reason


NAMED = {"AWS": ROLE_ARN}
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


@pytest.mark.parametrize(
    ("principal", "identity", "others", "reason"),
    [
        (NAMED, [], {}, Reason.ALLOWED),
        (NAMED, [], {"boundary": [NOTHING]}, Reason.NO_BOUNDARY),
        (NAMED, [], {"session": [NOTHING]}, Reason.NO_SESSION_POLICY),
        ({"AWS": SESSION_ARN}, [], {"session": [NOTHING]}, Reason.ALLOWED),
        ("*", [], {}, Reason.ALLOWED),
        (ROOT, [], {}, Reason.NO_IDENTITY_POLICY),
        (ROOT, [ALLOW], {}, Reason.ALLOWED),
        ({"AWS": ACCOUNT}, [ALLOW], {}, Reason.ALLOWED),
        ({"AWS": f"{ROLE_ARN}x"}, [], {}, Reason.NO_IDENTITY_POLICY),
        ({"AWS": "999999999999"}, [ALLOW], {}, Reason.ALLOWED),
        ({"Service": "events.amazonaws.com"}, [], {}, Reason.NO_IDENTITY_POLICY),
    ],
)
def test_resource_policy_allows_by_how_it_names_the_caller(
    principal: Any, identity: list[Policy], others: dict[str, Any], reason: Reason
) -> None:
    policies = Policies(identity, **others, resource=build(allow(Principal=principal)))
    assert decide(policies, IamRequest("sqs:SendMessage", QUEUE, {}, SESSION)).reason is reason


def test_resource_policy_denies_whomever_it_names() -> None:
    for principal in (NAMED, ROOT, "*"):
        policies = Policies([ALLOW], resource=build(deny(Principal=principal)))
        assert decide(policies, IamRequest("sqs:SendMessage", QUEUE, {}, SESSION)).reason is Reason.EXPLICIT_DENY


def test_service_needs_the_policy_of_the_resource() -> None:
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/forward"
    statement = allow(Principal={"Service": "events.amazonaws.com"}, Condition={"ArnEquals": {"aws:SourceArn": rule}})
    for source, reason in ((rule, Reason.ALLOWED), (f"{rule}-2", Reason.NO_RESOURCE_POLICY)):
        request = IamRequest("sqs:SendMessage", QUEUE, {"aws:SourceArn": source}, EVENTS)
        assert decide(Policies(resource=build(statement)), request).reason is reason
    request = IamRequest("sqs:SendMessage", QUEUE, {}, EVENTS)
    assert decide(Policies([ALLOW]), request).reason is Reason.NO_RESOURCE_POLICY


def test_two_accounts_must_both_allow() -> None:
    foreign = Principal(arn="arn:aws:sts::999999999999:assumed-role/x/y", account="999999999999")
    request = IamRequest("sqs:SendMessage", QUEUE, {}, foreign)
    granted = build(allow(Principal={"AWS": "999999999999"}))
    named = build(allow(Principal={"AWS": foreign.arn}))
    assert decide(Policies([ALLOW]), request).reason is Reason.NO_RESOURCE_POLICY
    assert decide(Policies([], resource=named), request).reason is Reason.NO_IDENTITY_POLICY
    assert decide(Policies([ALLOW], resource=granted), request).reason is Reason.ALLOWED


def test_role_must_trust_the_caller_and_its_conditions() -> None:
    tagged = {"Null": {"aws:RequestTag/gpudesk:id": "false"}}
    trust = build({"Effect": "Allow", "Principal": NAMED, "Action": "sts:AssumeRole", "Condition": tagged})
    target = f"arn:aws:iam::{ACCOUNT}:role/session"

    def assume(policies: Policies, context: dict[str, str], who: Principal = SESSION) -> Reason:
        return decide(policies, IamRequest("sts:AssumeRole", target, context, who)).reason

    policies = Policies([], resource=trust, requires_resource_policy=True)
    other = Principal(arn=SESSION_ARN.replace("control", "api"), role_arn=ROLE_ARN.replace("control", "api"))
    tag = {"aws:RequestTag/gpudesk:id": "gd-1"}
    assert assume(policies, tag) is Reason.ALLOWED
    assert assume(policies, {}) is Reason.NO_RESOURCE_POLICY
    assert assume(policies, tag, other) is Reason.NO_RESOURCE_POLICY
    identity_policy_only = Policies([build(allow("sts:AssumeRole"))], requires_resource_policy=True)
    assert assume(identity_policy_only, tag) is Reason.NO_RESOURCE_POLICY


def test_decision_names_the_statements() -> None:
    policy = build(allow(Sid="Send"), allow("sqs:Receive*", Sid="Receive"))
    found = decide(Policies([policy]), IamRequest("sqs:SendMessage", QUEUE, {}, SESSION))
    assert [statement.sid for statement in found.statements] == ["Send"]


@pytest.mark.parametrize(
    "change",
    [
        {"Effect": "allow"},
        {"Effect": None},
        {"NotAction": "ec2:*"},
        {"NotResource": "*"},
        {"NotPrincipal": "*"},
        {"Principle": "*"},
        {"Principal": {"Federated": "x"}},
        {"Principal": {"AWS": "arn:aws:iam::123456789012:role/*"}},
        {"Principal": "ada"},
        {"Resource": "arn:aws:sqs:*"},
        {"Resource": "queue"},
        {"Condition": {"StringMatches": {"a": "b"}}},
    ],
    ids=str,
)
def test_unknown_element_is_refused_when_the_policy_is_read(change: dict[str, Any]) -> None:
    with pytest.raises(UnknownPolicyElement):
        build({**allow(), **change})


@pytest.mark.parametrize(
    "document",
    [
        {"Version": "2027-01-01", "Statement": []},
        {"Statement": [], "Notes": ""},
        {"Statement": {"Effect": "Allow", "Action": "*"}},
        {"Statement": {"Effect": "Allow", "Resource": "*"}},
    ],
    ids=str,
)
def test_unknown_form_of_a_policy_is_refused(document: Any) -> None:
    with pytest.raises(UnknownPolicyElement):
        parse_policy(document)


def test_policy_is_read_from_text_and_from_url_encoding() -> None:
    text = '{"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}}'
    assert list_checks(parse_policy_text(text)) is Reason.ALLOWED
    assert list_checks(parse_policy_text(text.replace("{", "%7B").replace("}", "%7D"))) is Reason.ALLOWED
