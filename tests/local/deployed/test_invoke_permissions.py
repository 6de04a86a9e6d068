"""A trigger invokes a function only if the policy of the function lets it."""

from collections.abc import Mapping
from typing import Any

import pytest

from local.deployed.invoke_permissions import GATEWAY, may_invoke
from local.deployed.rules import EVENTS

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:sweep"
RULE = "arn:aws:events:us-east-1:123456789012:rule/minute"


def build_policy(**changed: Any) -> Mapping[str, Any]:
    statement = {
        "FunctionName": "sweep",
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Principal": {"Service": EVENTS},
        "Resource": FUNCTION,
        "Condition": {"ArnLike": {"AWS:SourceArn": RULE}},
    }
    return {"Version": "2012-10-17", "Statement": [{**statement, **changed}]}


@pytest.mark.parametrize(
    ("policy", "service", "source", "is_allowed"),
    [
        (build_policy(), EVENTS, RULE, True),
        (build_policy(), GATEWAY, RULE, False),
        (build_policy(), EVENTS, f"{RULE}-of-others", False),
        (build_policy(Resource=f"{FUNCTION}-2"), EVENTS, RULE, False),
        ({}, EVENTS, RULE, False),
    ],
)
def test_policy_of_a_function_decides(policy: Mapping[str, Any], service: str, source: str, is_allowed: bool) -> None:
    assert may_invoke(policy, (FUNCTION, service, source)) is is_allowed
