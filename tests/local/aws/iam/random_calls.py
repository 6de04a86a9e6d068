"""Calls with policies of random statements, about a table, an instance or a queue."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from local.settings import ACCOUNT
from tests.local.aws.iam.generated_call import MULTIVALUED, ROLE_ARN, SESSION_ARN, USER_ID, GeneratedCall

TABLE = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/things"
INSTANCE = f"arn:aws:ec2:us-east-1:{ACCOUNT}:instance/i-0123456789abcdef0"
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:failures"

ACTIONS: Mapping[str, Sequence[str]] = {
    TABLE: ("dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:GetItem"),
    INSTANCE: ("ec2:StopInstances", "ec2:StartInstances", "ec2:TerminateInstances"),
    QUEUE: ("sqs:SendMessage", "sqs:ReceiveMessage"),
}

VALUES: Mapping[str, Mapping[str, Sequence[str]]] = {
    TABLE: {
        "dynamodb:LeadingKeys": (USER_ID, "other", "AROAEXAMPLE:x"),
        "dynamodb:Attributes": ("id", "heartbeat", "response"),
        "dynamodb:ReturnValues": ("NONE", "ALL_NEW"),
    },
    INSTANCE: {
        "aws:ResourceTag/gpudesk:stage": ("dev", "prod", "DEV"),
        "ec2:InstanceType": ("g4dn.xlarge", "p3.2xlarge"),
        "ec2:InstanceProfile": (
            f"arn:aws:iam::{ACCOUNT}:instance-profile/gpudesk-dev-instance",
            f"arn:aws:iam::{ACCOUNT}:instance-profile/admin",
        ),
    },
    QUEUE: {"aws:ResourceTag/gpudesk:stage": ("dev", "prod")},
}
GLOBAL_VALUES: Mapping[str, Sequence[str]] = {
    "aws:PrincipalTag/gpudesk:id": ("gd-1", "dev", "*"),
    "aws:SourceIp": ("10.1.2.3", "192.0.2.1"),
    "aws:MultiFactorAuthAge": ("60", "7200", "60.5"),
    "aws:SecureTransport": ("true", "false"),
    "aws:CurrentTime": ("2026-01-05T09:00:00Z", "2025-01-05T09:00:00Z"),
    "aws:SourceArn": (f"arn:aws:events:us-east-1:{ACCOUNT}:rule/forward", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"),
}
TEXT_OPERATORS = (
    "StringEquals",
    "StringNotEquals",
    "StringLike",
    "StringNotLike",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
)
OPERATORS: Mapping[str, Sequence[str]] = {
    "aws:SourceIp": ("IpAddress", "NotIpAddress"),
    "aws:MultiFactorAuthAge": (
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
    ),
    "aws:SecureTransport": ("Bool",),
    "aws:CurrentTime": ("DateLessThan", "DateGreaterThan", "DateEquals", "DateLessThanEquals"),
    "aws:SourceArn": ("ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"),
    "ec2:InstanceProfile": ("ArnLike", "ArnEquals", "ArnNotEquals", "StringLike"),
}
PATTERNS: Mapping[str, Sequence[str]] = {
    "aws:SourceIp": ("10.0.0.0/8", "192.0.2.1/32"),
    "aws:SourceArn": (f"arn:aws:events:*:{ACCOUNT}:rule/*", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"),
    "dynamodb:LeadingKeys": ("${aws:userid}", "AROA*:?", "other"),
    "aws:ResourceTag/gpudesk:stage": ("dev", "d*", "${aws:PrincipalTag/gpudesk:id}"),
    "ec2:InstanceProfile": (f"arn:aws:iam::{ACCOUNT}:instance-profile/gpudesk-*",),
}


def build_random_call(random: Random) -> GeneratedCall:
    """Return a call of an action, with random policies about it."""
    resource = random.choice(list(ACTIONS))
    values = {**VALUES[resource], **GLOBAL_VALUES}
    # The variables of patterns always have a value: without one, a negated condition has no defined result.
    context: dict[str, str | list[str]] = {"aws:userid": USER_ID, "aws:PrincipalTag/gpudesk:id": "dev"}
    for key in random.sample(list(values), 4):
        known = values[key]
        is_multivalued = key.lower() in MULTIVALUED
        context[key] = random.sample(known, random.randint(1, len(known))) if is_multivalued else random.choice(known)

    def build(maximum: int = 2) -> dict[str, Any]:
        statements = [_build_statement(random, resource, values) for _ in range(random.randint(1, maximum))]
        return {"Version": "2012-10-17", "Statement": statements}

    call = GeneratedCall(random.choice(ACTIONS[resource]), resource, context, [build(3)])
    if random.random() < 0.25:
        call.session = build()
    if random.random() < 0.25:
        call.boundary = [build()]
    if resource != INSTANCE and random.random() < 0.4:
        call.resource_policy = build()
        principals = _list_principals(call)
        for statement in call.resource_policy["Statement"]:
            statement["Principal"] = random.choice(principals)
    return call


def _list_principals(call: GeneratedCall) -> list[Any]:
    """Return principals for a resource policy, without those about which the two programs differ.

    - The ARN of the session: its grant is not limited by the session policy, but the other program limits it.
      https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session
    - `*`: AWS does not say whether a boundary or a session policy limits the grant. Here they do.
    """
    principals: list[Any] = [
        {"AWS": ROLE_ARN},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"AWS": f"{ROLE_ARN}x"},
        {"Service": "events.amazonaws.com"},
    ]
    if call.session is None:
        principals.append({"AWS": SESSION_ARN})
        if call.boundary is None:
            principals.append("*")
    return principals


def _build_statement(random: Random, resource: str, values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    service = resource.split(":")[2]
    statement: dict[str, Any] = {"Effect": "Allow" if random.random() < 0.8 else "Deny"}
    actions = random.choice([["*"], [f"{service}:*"], list(ACTIONS[resource])[:2], ["ec2:Stop*"], [f"{service}:*Item"]])
    statement["Action" if random.random() < 0.85 else "NotAction"] = actions
    resources = random.choice([["*"], [resource], [f"{resource[:-2]}*"], [f"{resource[:-1]}?", INSTANCE], [TABLE]])
    statement["Resource" if random.random() < 0.9 else "NotResource"] = resources
    if random.random() < 0.6:
        key = random.choice(list(values))
        statement["Condition"] = {_choose_operator(random, key): {key: _choose_values(random, key, values[key])}}
        if random.random() < 0.15:
            statement["Condition"]["Null"] = {random.choice(list(values)): random.choice(["true", "false"])}
    return statement


def _choose_operator(random: Random, key: str) -> str:
    operator = random.choice(OPERATORS.get(key, TEXT_OPERATORS))
    qualifier = random.choice(["ForAllValues:", "ForAnyValue:"]) if key.lower() in MULTIVALUED else ""
    is_optional = random.random() < 0.2 and qualifier != "ForAnyValue:"
    return f"{qualifier}{operator}{'IfExists' if is_optional else ''}"


def _choose_values(random: Random, key: str, known: Sequence[str]) -> Any:
    candidates = [*PATTERNS.get(key, known)]
    chosen = random.sample(candidates, random.randint(1, min(2, len(candidates))))
    return chosen if len(chosen) > 1 or random.random() < 0.5 else chosen[0]
