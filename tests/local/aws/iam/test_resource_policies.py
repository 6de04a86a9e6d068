"""Evaluation of policies of resources, and of trust policies of roles."""

from typing import Any

import pytest

from local.aws.iam.evaluator import IamRequest, Policies, Reason, decide
from local.aws.iam.policies import Policy
from local.aws.iam.principals import Principal
from local.settings import ACCOUNT
from tests.local.aws.iam.policy_requests import (
    ALLOW,
    NOTHING,
    QUEUE,
    ROLE_ARN,
    SESSION,
    SESSION_ARN,
    allow,
    build,
    deny,
)

EVENTS = Principal(service="events.amazonaws.com")
ROLE_PRINCIPAL = {"AWS": ROLE_ARN}
ACCOUNT_PRINCIPAL = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


@pytest.mark.parametrize(
    ("principal", "identity", "others", "reason"),
    [
        (ROLE_PRINCIPAL, [], {}, Reason.ALLOWED),
        (ROLE_PRINCIPAL, [], {"boundary": [NOTHING]}, Reason.NO_BOUNDARY),
        (ROLE_PRINCIPAL, [], {"session": [NOTHING]}, Reason.NO_SESSION_POLICY),
        ({"AWS": SESSION_ARN}, [], {"session": [NOTHING]}, Reason.ALLOWED),
        ("*", [], {}, Reason.ALLOWED),
        (ACCOUNT_PRINCIPAL, [], {}, Reason.NO_IDENTITY_POLICY),
        (ACCOUNT_PRINCIPAL, [ALLOW], {}, Reason.ALLOWED),
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


def test_resource_policy_denies_principals_that_it_names() -> None:
    for principal in (ROLE_PRINCIPAL, ACCOUNT_PRINCIPAL, "*"):
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
    by_account = build(allow(Principal={"AWS": "999999999999"}))
    by_session = build(allow(Principal={"AWS": foreign.arn}))
    assert decide(Policies([ALLOW]), request).reason is Reason.NO_RESOURCE_POLICY
    assert decide(Policies([], resource=by_session), request).reason is Reason.NO_IDENTITY_POLICY
    assert decide(Policies([ALLOW], resource=by_account), request).reason is Reason.ALLOWED


def test_role_must_trust_the_caller_and_its_conditions() -> None:
    tagged = {"Null": {"aws:RequestTag/gpudesk:id": "false"}}
    trust = build({"Effect": "Allow", "Principal": ROLE_PRINCIPAL, "Action": "sts:AssumeRole", "Condition": tagged})
    target = f"arn:aws:iam::{ACCOUNT}:role/session"

    def assume(policies: Policies, context: dict[str, str], principal: Principal = SESSION) -> Reason:
        return decide(policies, IamRequest("sts:AssumeRole", target, context, principal)).reason

    policies = Policies([], resource=trust, requires_resource_policy=True)
    other = Principal(arn=SESSION_ARN.replace("control", "api"), role_arn=ROLE_ARN.replace("control", "api"))
    tag = {"aws:RequestTag/gpudesk:id": "gd-1"}
    assert assume(policies, tag) is Reason.ALLOWED
    assert assume(policies, {}) is Reason.NO_RESOURCE_POLICY
    assert assume(policies, tag, other) is Reason.NO_RESOURCE_POLICY
    identity_policy_only = Policies([build(allow("sts:AssumeRole"))], requires_resource_policy=True)
    assert assume(identity_policy_only, tag) is Reason.NO_RESOURCE_POLICY
