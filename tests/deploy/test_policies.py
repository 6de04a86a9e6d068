"""Policies of the roles: they allow exactly the calls of the code, on public resources and those of the stage.

In the scenarios, the local cloud enforces these policies.
"""

import ast
import functools
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.domain.sessions.session import SSH_USER
from chalicelib.domain.setup.custom_recipe import CUSTOM_DOCUMENT_PREFIX
from chalicelib.store import data_files
from deploy.policies import FUNCTION_ROLES
from ssm_documents.compose import list_document_names
from ssm_documents.session_documents import list_session_names
from tests.deploy.statements import NAMES, STATEMENTS, list_resources, list_statements

AWS = Path("chalicelib/aws")
SERVICES = {
    "ec2": "ec2",
    "ssm": "ssm",
    "sns": "sns",
    "instance_connect": "ec2-instance-connect",
    "service_quotas": "service-quotas",
    "sts": "sts",
}
"""Names of the services in `Clients` and in the SDK."""

PREFIXES = {"service-quotas": "servicequotas"}
"""Prefixes of actions that are not the name of the service in the SDK."""

ACTIONS_OF_THE_SESSION_ROLE = {"ssm:StartSession", "ssm:TerminateSession"}
"""Actions of the code that gpudesk may do only as the session role."""

ACTIONS_OF_THE_LAPTOP = {"ssmmessages:OpenDataChannel", "ssm:ResumeSession", "ssm:TerminateSession"}
"""Actions of the session-manager-plugin, with credentials of the session role that gpudesk has narrowed."""

GRANTED_WITH_A_CALL = {"ec2:CreateTags", "sts:TagSession"}
"""Actions that AWS also requires when a call creates a resource or a session with tags."""


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
                yield from (
                    f"{PREFIXES.get(theirs, theirs)}:{operations[each]}" for each in operations.keys() & (names | texts)
                )


def test_functions_may_do_exactly_the_calls_of_the_code() -> None:
    prefixes = tuple(f"{PREFIXES.get(service, service)}:" for service in SERVICES.values())
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


def test_no_role_may_remove_tags() -> None:
    assert list_statements("ec2:DeleteTags") == []


def test_only_the_type_of_an_instance_of_the_stage_can_be_changed() -> None:
    (statement,) = list_statements("ec2:ModifyInstanceAttribute")
    assert statement.condition == {
        "StringEquals": {"aws:ResourceTag/gpudesk:stage": "dev", "ec2:Attribute": "InstanceType"}
    }


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
