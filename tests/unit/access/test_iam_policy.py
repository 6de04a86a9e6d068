"""Test the role of gpudesk: it allows exactly the calls of the code, on public resources and those of the stage."""

import ast
import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.domain.sessions.session import SSH_USER
from chalicelib.domain.setup.custom_recipe import CUSTOM_DOCUMENT_PREFIX
from chalicelib.store import data_files
from ssm_documents.compose import list_document_names
from ssm_documents.session_documents import list_session_names

AWS = Path("chalicelib/aws")
STATEMENTS: list[dict[str, Any]] = json.loads(Path(".chalice/policy-dev.json").read_text(encoding="utf-8"))["Statement"]
SESSION_ROLE_STATEMENTS: list[dict[str, Any]] = json.loads(
    Path(".chalice/session-role-policy-dev.json").read_text(encoding="utf-8")
)["Statement"]
SERVICES = {"ec2": "ec2", "ssm": "ssm", "sns": "sns", "instance_connect": "ec2-instance-connect", "sts": "sts"}
"""Names of the services in `Clients` and at AWS."""

ACTIONS_OF_THE_SESSION_ROLE = {"ssm:StartSession", "ssm:TerminateSession"}
"""Actions of the code that gpudesk may do only as the session role."""

ACTIONS_OF_THE_LAPTOP = {"ssmmessages:OpenDataChannel", "ssm:ResumeSession", "ssm:TerminateSession"}
"""Actions of the session-manager-plugin, with credentials of the session role that gpudesk has narrowed."""

GRANTED_WITH_A_CALL = {"ec2:CreateTags"}
"""Actions that AWS also requires when a call creates a resource with tags."""


def list_statements(action: str) -> list[dict[str, Any]]:
    return [each for each in STATEMENTS if action in _as_list(each["Action"])]


def list_resources(action: str) -> list[str]:
    return [resource for statement in list_statements(action) for resource in _as_list(statement["Resource"])]


def list_called_operations() -> Iterator[str]:
    """Yield every operation of a client that a module of `chalicelib/aws` names, also for a paginator."""
    for path in AWS.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        for ours, theirs in SERVICES.items() if path.name != "clients.py" else ():
            if ours in names:
                client: Any = boto3.session.Session().client(theirs, "us-east-1")  # type: ignore[call-overload]
                operations = client.meta.method_to_api_mapping
                yield from (f"{theirs}:{operations[each]}" for each in operations.keys() & (names | texts))


def test_policy_allows_exactly_the_calls_of_the_code() -> None:
    prefixes = tuple(f"{service}:" for service in SERVICES.values())
    allowed = {action for each in STATEMENTS for action in _as_list(each["Action"]) if action.startswith(prefixes)}
    assert allowed == (set(list_called_operations()) - ACTIONS_OF_THE_SESSION_ROLE) | GRANTED_WITH_A_CALL


def test_session_role_allows_exactly_what_opens_a_session() -> None:
    allowed = {action for each in SESSION_ROLE_STATEMENTS for action in _as_list(each["Action"])}
    assert allowed == ACTIONS_OF_THE_SESSION_ROLE | ACTIONS_OF_THE_LAPTOP
    assert not [each for each in SESSION_ROLE_STATEMENTS if each["Resource"] == "*"]
    assert list_resources("sts:AssumeRole") == ["arn:aws:iam::*:role/gpudesk-dev-session"]


def test_actions_have_no_wildcard_and_resources_are_restricted() -> None:
    assert not [action for each in STATEMENTS for action in _as_list(each["Action"]) if "*" in action]
    unbound = {action for each in STATEMENTS if each["Resource"] == "*" for action in _as_list(each["Action"])}
    knows_no_resource = (
        "ec2:Describe",
        "ssm:DescribeInstance",
        "ssm:DescribeSessions",
        "ssm:GetCommand",
        "ssm:ListCommand",
        "dynamodb:List",
    )
    assert not [action for action in unbound if not action.startswith(knows_no_resource)]


def test_launch_accepts_only_images_of_amazon_canonical_or_the_stage() -> None:
    """A private AMI of another stage, and its disk, is not accepted."""
    of_images = [
        statement
        for statement in list_statements("ec2:RunInstances")
        if "arn:aws:ec2:*::image/*" in _as_list(statement["Resource"])
    ]
    assert [of_image["Condition"] for of_image in of_images] == [
        {"StringEquals": {"ec2:Owner": ["amazon", "099720109477"]}},
        {"StringEquals": {"aws:ResourceTag/gpudesk:stage": "dev"}},
    ]
    of_snapshots = [
        statement
        for statement in list_statements("ec2:RunInstances")
        if any("snapshot/" in each for each in _as_list(statement["Resource"]))
    ]
    assert of_snapshots == of_images


@pytest.mark.parametrize("action", ["ssm:SendCommand", "ssm:DescribeDocument"])
def test_commands_use_only_command_documents(action: str) -> None:
    named = [resource.rpartition("/")[2] for resource in list_resources(action) if ":document/" in resource]
    ours = {name for name in list_document_names() if not name.startswith(CUSTOM_DOCUMENT_PREFIX)}
    assert sorted(named) == sorted(ours | {f"{CUSTOM_DOCUMENT_PREFIX}*"})
    assert not [name for name in list_session_names() if any(fnmatchcase(name, each) for each in named)]


def test_sessions_use_only_session_documents_on_tagged_instances() -> None:
    allowed = {
        resource: statement
        for statement in SESSION_ROLE_STATEMENTS
        if statement["Action"] == "ssm:StartSession"
        for resource in _as_list(statement["Resource"])
    }
    documents = {f"arn:aws:ssm:*:*:document/{name}" for name in list_session_names()}
    assert set(allowed) == documents | {"arn:aws:ec2:*:*:instance/*"}
    assert allowed["arn:aws:ec2:*:*:instance/*"]["Condition"] == {
        "StringEquals": {"ssm:resourceTag/gpudesk:stage": "dev"},
        # Without it a call that names no document is not checked against the documents of the account.
        "BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"},
    }


def test_ssh_key_is_accepted_for_one_user_of_tagged_instances() -> None:
    (each,) = list_statements("ec2-instance-connect:SendSSHPublicKey")
    assert each["Condition"] == {"StringEquals": {"aws:ResourceTag/gpudesk:stage": "dev", "ec2:osuser": SSH_USER}}


def test_every_launched_public_image_can_be_resolved() -> None:
    patterns = [resource.partition(":parameter")[2] for resource in list_resources("ssm:GetParameter")]
    images = {kind.image for kind in data_files.load_catalog().types.values() if kind.image}
    images |= {
        image for recipe in data_files.load_packaged_recipes().values() for image in (recipe.image or {}).values()
    }
    assert not [image for image in images if not any(fnmatchcase(image, pattern) for pattern in patterns)]


def test_instances_get_only_the_role_of_the_stage() -> None:
    stage = json.loads(Path(".chalice/config.json").read_text(encoding="utf-8"))["stages"]["dev"]
    profile = stage["environment_variables"]["GPUDESK_INSTANCE_PROFILE"]
    assert list_resources("iam:PassRole") == [f"arn:aws:iam::*:role/{profile}"]


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
