"""Stolen credentials reach what the table in docs/security.md says. The table is written by hand.

The instances of the attacks are launched once for all tests of the file, which takes most of their time.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import boto3
import pytest

from chalicelib.aws.tags import ADOPT_TAG, ID_TAG, STAGE_TAG
from deploy.names import ResourceNames
from deploy.policies import FUNCTION_ROLES
from local.machines.host.access_keys import build_machine_key
from local.settings import HOME_REGION, build_local_names
from tests.deploy.attacks import Attacker, Target, start_session, steal_session
from tests.deploy.attacks_on_data import list_documents, list_parameters, list_tables
from tests.deploy.attacks_on_instances import build_launch, can_adopt, list_instance_calls
from tests.local.aws.conftest import build_launch_request
from tests.support.world import World, get_ec2_id, open_world

PAGE = Path("docs/security.md")
HEADING = "## What an attacker reaches"
COLUMNS = ("tables", "parameters", "documents", "instances")


def read_table() -> Mapping[str, Mapping[str, str]]:
    """Return the cells of the table by row and column."""
    section = PAGE.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    lines = [line.strip("| \n").split(" | ") for line in section.splitlines() if line.startswith("|")]
    (_, *columns), _, *rows = lines
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world() as world:
        yield world


@pytest.fixture(scope="module")
def names() -> ResourceNames:
    return build_local_names()


@pytest.fixture(scope="module")
def target(world: World, names: ResourceNames) -> Target:
    own, other = (world.launch_until_ready(name=name) for name in ("own", "other"))
    ssm, ec2 = boto3.client("ssm", HOME_REGION), cast("Any", world.ec2)
    tags = [{"ResourceType": "instance", "Tags": [{"Key": STAGE_TAG, "Value": "prod"}]}]
    launched: list[Any] = [
        ec2.run_instances(**build_launch_request(ssm), **extra)["Instances"][0]["InstanceId"]
        for extra in ({"TagSpecifications": tags}, {}, {})
    ]
    foreign, untagged, adoptable = launched
    ec2.create_tags(Resources=[adoptable], Tags=[{"Key": ADOPT_TAG, "Value": "dev"}])
    return Target(
        own=get_ec2_id(own),
        own_id=own.id,
        other=get_ec2_id(other),
        foreign=foreign,
        untagged=untagged,
        adoptable=adoptable,
        session_id=start_session(names, get_ec2_id(own), own.id),
    )


@pytest.fixture(scope="module")
def attackers(world: World, names: ResourceNames, target: Target) -> Mapping[str, Attacker]:
    """Return an attacker for each row of the table."""
    instance = world.cloud.machine_roles.find(build_machine_key(target.own))
    assert instance is not None
    functions = {
        f"{role} role" if role != "api" else "API role": world.cloud.roles.open_service_session(
            names.role(role), names.role(role)
        )
        for role in FUNCTION_ROLES
    }
    sessions = {
        "instance role": instance,
        "session credentials of a laptop": steal_session(world.cloud, names, target),
        **functions,
    }
    return {name: Attacker(world.cloud, names, credentials) for name, credentials in sessions.items()}


def test_table_has_a_row_for_every_role(attackers: Mapping[str, Attacker]) -> None:
    table = read_table()
    assert table.keys() == attackers.keys()
    assert all(tuple(row) == COLUMNS for row in table.values())


@pytest.mark.parametrize("credentials", list(read_table()))
def test_attacker_reaches_what_the_table_says(
    attackers: Mapping[str, Attacker], target: Target, credentials: str
) -> None:
    attacker, row = attackers[credentials], read_table()[credentials]
    reached = {
        "tables": list_tables(attacker),
        "parameters": list_parameters(attacker),
        "documents": list_documents(attacker, target),
        "instances": list_instance_calls(attacker, target),
    }
    assert {column: sort_names(text) for column, text in reached.items()} == {
        column: sort_names(text) for column, text in row.items()
    }


def sort_names(text: str) -> list[str]:
    """Return the names in a cell. Commas in parentheses do not separate them."""
    return sorted(re.split(r", (?![^(]*\))", text))


ADOPT_TAGS: tuple[Mapping[str, str], ...] = ({}, {ADOPT_TAG: "prod"}, {ADOPT_TAG: "dev", ID_TAG: "gd-1"})
"""Tags of instances that may not be adopted: not allowed, allowed for another stage, managed by gpudesk already."""


@pytest.mark.parametrize("tags", ADOPT_TAGS, ids=["without", "of another stage", "of a managed instance"])
def test_instance_without_the_tag_of_the_account_admin_is_not_adopted(
    attackers: Mapping[str, Attacker], target: Target, world: World, tags: Mapping[str, str]
) -> None:
    pairs: list[Any] = [{"Key": key, "Value": value} for key, value in tags.items()]
    if pairs:
        world.ec2.create_tags(Resources=[target.untagged], Tags=pairs)
    assert not can_adopt(attackers["adoption role"], target.untagged)
    world.ec2.delete_tags(Resources=[target.untagged], Tags=[{"Key": key} for key in (ADOPT_TAG, ID_TAG)])


def test_adoption_sets_only_tags_of_gpudesk(attackers: Mapping[str, Attacker], target: Target) -> None:
    attacker = attackers["adoption role"]
    assert can_adopt(attacker, target.adoptable)
    assert not can_adopt(attacker, target.adoptable, project="vision")
    assert not can_adopt(attacker, target.adoptable, **{ADOPT_TAG: "dev"})
    assert not can_adopt(attacker, target.adoptable, **{STAGE_TAG: "prod"})


UNSAFE_LAUNCHES: Mapping[str, Mapping[str, Any]] = {
    "IMDSv1": {"MetadataOptions": {"HttpTokens": "optional"}},
    "no metadata options": {"MetadataOptions": {}},
    "plain volume": {"BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 64}}]},
    "no volume": {"BlockDeviceMappings": []},
    "another profile": {"IamInstanceProfile": {"Name": "admin"}},
    "no profile": {"IamInstanceProfile": {}},
    "key pair": {"KeyName": "ada"},
    "no tags": {"TagSpecifications": []},
    "tags of another stage": {
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": [{"Key": STAGE_TAG, "Value": "prod"}]}
            for kind in ("instance", "volume", "network-interface")
        ]
    },
}


@pytest.mark.parametrize("change", UNSAFE_LAUNCHES)
def test_unsafe_launch_is_denied(attackers: Mapping[str, Attacker], change: str) -> None:
    attacker = attackers["control role"]
    assert attacker.can("ec2", "RunInstances", **build_launch(attacker))
    assert not attacker.can("ec2", "RunInstances", **build_launch(attacker, **UNSAFE_LAUNCHES[change]))


def test_launch_with_another_security_group_or_image_is_denied(attackers: Mapping[str, Attacker], world: World) -> None:
    attacker = attackers["control role"]
    launch = build_launch(attacker)
    (interface,) = launch["NetworkInterfaces"]
    filters: Any = [{"Name": "group-name", "Values": ["default"]}]
    open_group = world.ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"]
    changed = [{**interface, "Groups": [open_group]}]
    assert not attacker.can("ec2", "RunInstances", **{**launch, "NetworkInterfaces": changed})
    without = {key: value for key, value in launch.items() if key != "NetworkInterfaces"}
    assert not attacker.can("ec2", "RunInstances", **without)
    assert not attacker.can("ec2", "RunInstances", **{**launch, "ImageId": "ami-0123456789abcdef0"})
