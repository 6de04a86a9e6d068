"""What the desk's role may do: each call that the code makes and no other, on what is the stage's own or public."""

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
from ssm_documents.compose import document_names
from ssm_documents.session_documents import session_names

AWS = Path("chalicelib/aws")
STATEMENTS: list[dict[str, Any]] = json.loads(Path(".chalice/policy-dev.json").read_text(encoding="utf-8"))["Statement"]
SERVICES = {"ec2": "ec2", "ssm": "ssm", "sns": "sns", "instance_connect": "ec2-instance-connect"}
"""As `Clients` calls them, and as AWS does."""

GRANTED_WITH_A_CALL = {"ec2:CreateTags"}
"""What AWS wants besides, where a call makes something that carries tags."""


def statements(action: str) -> list[dict[str, Any]]:
    return [each for each in STATEMENTS if action in _list(each["Action"])]


def resources(action: str) -> list[str]:
    return [resource for statement in statements(action) for resource in _list(statement["Resource"])]


def called() -> Iterator[str]:
    """Every operation of a client's that a module of `chalicelib/aws` names, by itself or for a paginator."""
    for path in AWS.glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        for ours, theirs in SERVICES.items() if path.name != "clients.py" else ():
            if ours in names:
                client: Any = boto3.session.Session().client(theirs, "us-east-1")  # type: ignore[call-overload]
                operations = client.meta.method_to_api_mapping
                yield from (f"{theirs}:{operations[each]}" for each in operations.keys() & (names | texts))


def test_what_the_code_calls_is_allowed_and_nothing_else() -> None:
    prefixes = tuple(f"{service}:" for service in SERVICES.values())
    allowed = {action for each in STATEMENTS for action in _list(each["Action"]) if action.startswith(prefixes)}
    assert allowed == set(called()) | GRANTED_WITH_A_CALL


def test_no_action_is_a_pattern_and_everything_is_bound_that_aws_can_bind() -> None:
    assert not [action for each in STATEMENTS for action in _list(each["Action"]) if "*" in action]
    unbound = {action for each in STATEMENTS if each["Resource"] == "*" for action in _list(each["Action"])}
    knows_no_resource = ("ec2:Describe", "ssm:DescribeInstance", "ssm:GetCommand", "ssm:ListCommand", "dynamodb:List")
    assert not [action for action in unbound if not action.startswith(knows_no_resource)]


def test_a_launch_is_of_a_public_image_of_amazons_or_canonicals_or_of_the_stages_own() -> None:
    """Another stage's private AMI, with its disk, is neither."""
    of_images = [
        statement
        for statement in statements("ec2:RunInstances")
        if "arn:aws:ec2:*::image/*" in _list(statement["Resource"])
    ]
    assert [of_image["Condition"] for of_image in of_images] == [
        {"StringEquals": {"ec2:Owner": ["amazon", "099720109477"]}},
        {"StringEquals": {"aws:ResourceTag/gpudesk:stage": "dev"}},
    ]
    of_snapshots = [
        statement
        for statement in statements("ec2:RunInstances")
        if any("snapshot/" in each for each in _list(statement["Resource"]))
    ]
    assert of_snapshots == of_images


@pytest.mark.parametrize("action", ["ssm:SendCommand", "ssm:DescribeDocument"])
def test_commands_are_sent_by_command_documents_and_by_no_session_document(action: str) -> None:
    named = [resource.rpartition("/")[2] for resource in resources(action) if ":document/" in resource]
    ours = {name for name in document_names() if not name.startswith(CUSTOM_DOCUMENT_PREFIX)}
    assert sorted(named) == sorted(ours | {f"{CUSTOM_DOCUMENT_PREFIX}*"})
    assert not [name for name in session_names() if any(fnmatchcase(name, each) for each in named)]


def test_the_desk_may_start_these_alone_and_only_on_instances_that_carry_its_tag() -> None:
    allowed = {
        resource: statement for statement in statements("ssm:StartSession") for resource in _list(statement["Resource"])
    }
    documents = {f"arn:aws:ssm:*:*:document/{name}" for name in session_names()}
    assert set(allowed) == documents | {"arn:aws:ec2:*:*:instance/*"}
    assert allowed["arn:aws:ec2:*:*:instance/*"]["Condition"] == {
        "StringEquals": {"ssm:resourceTag/gpudesk:stage": "dev"},
        # without it a call that names no document is not asked whether it may use the account's own
        "BoolIfExists": {"ssm:SessionDocumentAccessCheck": "true"},
    }
    assert not any(
        "*" in action for statement in statements("ssm:StartSession") for action in _list(statement["Action"])
    )


def test_an_ssh_key_may_be_pushed_for_one_user_of_instances_that_carry_its_tag() -> None:
    (each,) = statements("ec2-instance-connect:SendSSHPublicKey")
    assert each["Condition"] == {"StringEquals": {"aws:ResourceTag/gpudesk:stage": "dev", "ec2:osuser": SSH_USER}}


def test_every_public_image_that_is_launched_can_be_looked_up() -> None:
    patterns = [resource.partition(":parameter")[2] for resource in resources("ssm:GetParameter")]
    images = {kind.image for kind in data_files.load_catalog().types.values() if kind.image}
    images |= {
        image for recipe in data_files.load_packaged_recipes().values() for image in (recipe.image or {}).values()
    }
    assert not [image for image in images if not any(fnmatchcase(image, pattern) for pattern in patterns)]


def test_instances_get_the_role_that_the_stage_names_and_no_other() -> None:
    stage = json.loads(Path(".chalice/config.json").read_text(encoding="utf-8"))["stages"]["dev"]
    profile = stage["environment_variables"]["GPUDESK_INSTANCE_PROFILE"]
    assert resources("iam:PassRole") == [f"arn:aws:iam::*:role/{profile}"]


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
