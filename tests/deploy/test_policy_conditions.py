"""Each condition of each policy, with its key right, wrong and missing.

`ForAllValues` and `IfExists` hold if the key is missing, so each key is left out once.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from deploy.names import ResourceNames
from deploy.policies import POLICIES
from deploy.policies.session import build_trust_policy
from deploy.policies.statement import Statement, build_policy_body
from deploy.settings import RegionSettings
from local.aws.iam.evaluator import IamRequest, Policies, decide
from local.aws.iam.patterns import Context
from local.aws.iam.policies import parse_policy
from local.aws.iam.principals import Principal
from local.settings import ACCOUNT, build_local_names

NAMES = build_local_names()
CONFIGURED = ResourceNames(
    replace(
        NAMES.settings,
        region_settings={
            "us-east-1": RegionSettings(
                vpc="vpc-0a1b2c3d",
                subnets=("subnet-0a1b2c3d",),
                kms_key=f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b2c3d",
            )
        },
        buckets=("data",),
        secret_prefixes=("team/",),
        data_keys=(f"arn:aws:kms:us-east-1:{ACCOUNT}:key/0a1b2c3e",),
    ),
    partition="aws",
    account=ACCOUNT,
)
"""The stage with everything that an admin can configure."""

STATEMENTS = [
    (role, statement)
    for role, build in POLICIES.items()
    for statement in build(CONFIGURED).statements
    if statement.condition
]
VARIABLES = {"aws:userid": "AROA0:ada", "aws:username": "ada", "aws:PrincipalTag/gpudesk:id": "gd-1"}

OPTIONAL_KEYS = frozenset({"ssm:SessionDocumentAccessCheck"})
"""Keys that a request may lack, because AWS sends them only sometimes.

https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-sessiondocumentaccesscheck.html
"""

SESSIONS = Principal(
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/{NAMES.role('sessions')}/x",
    role_arn=NAMES.role_arn("sessions"),
    account=ACCOUNT,
)


def fill(value: str) -> str:
    """Return a text that a value of a policy matches."""
    known = re.sub(r"\$\{([^}]*)\}", lambda match: VARIABLES[match[1]], value)
    return known.replace("?*", "x").replace("*", "x")


def build_right_context(statement: Statement) -> dict[str, str | tuple[str, ...]]:
    """Return a request that meets all conditions."""
    context: dict[str, str | tuple[str, ...]] = dict(VARIABLES)
    for operator, keys in statement.condition.items():
        for key, values in keys.items() if operator != "Null" else ():
            accepted = [values] if isinstance(values, str) else list(values)
            filled = tuple(fill(value) for value in accepted)
            context[key] = filled if operator.startswith("For") else filled[0]
    return context


def list_wrong_contexts(statement: Statement) -> Iterator[tuple[str, Context]]:
    """Yield requests in which one key is wrong or missing."""
    right = build_right_context(statement)
    for operator, keys in statement.condition.items():
        for key in keys if operator != "Null" else ():
            value = right[key]
            if isinstance(value, tuple):
                yield f"{key} wrong", {**right, key: (*value, "wrong")}
            else:
                is_text = value not in ("true", "false")
                yield f"{key} wrong", {**right, key: "" if is_text else {"true": "false"}.get(value, "true")}
            if key not in OPTIONAL_KEYS:
                yield f"{key} missing", {name: each for name, each in right.items() if name != key}


def is_allowed(statement: Statement, action: str, resource: str, context: Context) -> bool:
    policy = parse_policy(build_policy_body([statement.to_policy()]))
    return decide(Policies([policy]), IamRequest(action, fill(resource), context)).is_allowed


@pytest.mark.parametrize(("role", "statement"), STATEMENTS, ids=[f"{role}-{each.sid}" for role, each in STATEMENTS])
def test_statement_requires_each_key(role: str, statement: Statement) -> None:
    for action in statement.actions:
        for resource in statement.resources:
            assert is_allowed(statement, action, resource, build_right_context(statement))
            for what, context in list_wrong_contexts(statement):
                assert not is_allowed(statement, action, resource, context), (action, resource, what)


TAG = {"aws:RequestTag/gpudesk:id": "gd-1", "aws:TagKeys": ("gpudesk:id",)}

REFUSED: Mapping[str, tuple[Context, Principal]] = {
    "no tags": ({}, SESSIONS),
    "empty tag": ({**TAG, "aws:RequestTag/gpudesk:id": ""}, SESSIONS),
    "no keys": ({"aws:RequestTag/gpudesk:id": "gd-1"}, SESSIONS),
    "another tag too": ({**TAG, "aws:TagKeys": ("gpudesk:id", "gpudesk:owner")}, SESSIONS),
    "another function": (TAG, Principal(SESSIONS.arn.replace("sessions", "api"), NAMES.role_arn("api"), ACCOUNT)),
    "another account": (TAG, Principal(SESSIONS.arn, SESSIONS.role_arn.replace(ACCOUNT, "9" * 12), "9" * 12)),
}


def can_assume(context: Context, principal: Principal) -> bool:
    trust = parse_policy(build_trust_policy(NAMES.role_arn("sessions")))
    allowed = {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}
    policies = Policies([parse_policy(build_policy_body([allowed]))], resource=trust, requires_resource_policy=True)
    return all(
        decide(policies, IamRequest(action, NAMES.role_arn("session"), context, principal)).is_allowed
        for action in ("sts:AssumeRole", "sts:TagSession")
    )


def test_session_role_trusts_the_sessions_function_with_the_tag_of_one_instance() -> None:
    assert can_assume(TAG, SESSIONS)


@pytest.mark.parametrize("case", REFUSED)
def test_session_role_trusts_no_other_request(case: str) -> None:
    assert not can_assume(*REFUSED[case])
