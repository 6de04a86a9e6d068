"""Parsing of policies refuses what the evaluator does not know."""

from typing import Any

import pytest

from local.aws.iam.errors import UnknownPolicyElement
from local.aws.iam.evaluator import Reason
from local.aws.iam.policies import parse_policy, parse_policy_text
from tests.local.aws.iam.policy_requests import allow, build, find_reason


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
    assert find_reason(parse_policy_text(text)) is Reason.ALLOWED
    assert find_reason(parse_policy_text(text.replace("{", "%7B").replace("}", "%7D"))) is Reason.ALLOWED
