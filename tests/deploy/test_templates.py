"""Test the templates as a whole: what CloudFormation and AWS accept, and that two stages do not collide."""

import json
from collections.abc import Callable, Iterator

import pytest
from cfnlint.api import ManualArgs, lint

from deploy.cloudformation import Template
from tests.deploy.templates import build_home, build_region, build_settings

NAME_PROPERTIES = frozenset(
    [
        "AlarmName",
        "FunctionName",
        "GroupName",
        "InstanceProfileName",
        "LogGroupName",
        "ManagedPolicyName",
        "Name",
        "QueueName",
        "RoleName",
        "TableName",
        "TopicName",
    ]
)
"""The properties that name a resource in its account."""


def list_names(template: Template) -> Iterator[tuple[str, str]]:
    for logical_id, resource in template["Resources"].items():
        for key in NAME_PROPERTIES & set(resource["Properties"]):
            value = resource["Properties"][key]
            if isinstance(value, str) or "Fn::Sub" in value:
                yield f"{logical_id}.{key}", json.dumps(value)


def test_every_name_has_the_stage() -> None:
    names = dict([*list_names(build_home()), *list_names(build_region())])
    assert len(names) > 40
    assert not {
        place: name for place, name in names.items() if "gpudesk-prod" not in name and "gpudesk/prod" not in name
    }


@pytest.mark.parametrize("build", [build_home, build_region])
def test_cfn_lint_finds_nothing(build: Callable[[], Template]) -> None:
    config = ManualArgs(regions=[build_settings().home_region])
    assert not [f"{match.rule.id}: {match.message}" for match in lint(json.dumps(build()), config=config)]
