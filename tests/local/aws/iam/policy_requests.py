"""Policies and requests for the tests of the evaluator: a message to a queue, from the session of a role."""

from typing import Any

from local.aws.iam.evaluator import IamRequest, Policies, Reason, decide
from local.aws.iam.policies import Policy, parse_policy
from local.aws.iam.principals import Principal
from local.settings import ACCOUNT

QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:failed"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/control"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/control/sweep"
SESSION = Principal(arn=SESSION_ARN, role_arn=ROLE_ARN, account=ACCOUNT)


def build(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    return parse_policy({"Version": version, "Statement": list(statements)})


def allow(action: Any = "sqs:*", resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **others}


def deny(action: Any = "sqs:*", resource: Any = "*", **others: Any) -> dict[str, Any]:
    return {**allow(action, resource, **others), "Effect": "Deny"}


def find_reason(
    *identity: Policy,
    action: str = "sqs:SendMessage",
    resource: str = QUEUE,
    principal: Principal = SESSION,
    **others: Any,
) -> Reason:
    context = others.pop("context", {})
    return decide(Policies(identity, **others), IamRequest(action, resource, context, principal)).reason


ALLOW = build(allow())
NOTHING = build(allow("ec2:*"))
