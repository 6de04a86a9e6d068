"""Test the templates as a whole: what CloudFormation and AWS accept, and that two stages do not collide."""

import json
from collections.abc import Iterator

import pytest
from cfnlint.api import ManualArgs, lint

from deploy.cloudformation import Template
from deploy.home import build_home_template
from deploy.region import build_region_template
from deploy.settings import DeploymentSettings, read_deployment_settings

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


@pytest.fixture(scope="module")
def settings() -> DeploymentSettings:
    return read_deployment_settings("dev")


@pytest.fixture(scope="module")
def home(settings: DeploymentSettings) -> Template:
    return build_home_template(settings)


@pytest.fixture(scope="module")
def region(settings: DeploymentSettings) -> Template:
    return build_region_template(settings)


def list_names(template: Template) -> Iterator[tuple[str, str]]:
    for logical_id, resource in template["Resources"].items():
        for key in NAME_PROPERTIES & set(resource["Properties"]):
            value = resource["Properties"][key]
            if isinstance(value, str) or "Fn::Sub" in value:
                yield f"{logical_id}.{key}", json.dumps(value)


def test_every_name_has_the_stage(home: Template, region: Template) -> None:
    names = dict([*list_names(home), *list_names(region)])
    assert len(names) > 40
    assert not {place: name for place, name in names.items() if "gpudesk-dev" not in name and "gpudesk/dev" not in name}


@pytest.mark.parametrize("which", ["home", "region"])
def test_cfn_lint_finds_nothing(which: str, request: pytest.FixtureRequest, settings: DeploymentSettings) -> None:
    template = request.getfixturevalue(which)
    config = ManualArgs(regions=[settings.home_region])
    assert not [f"{match.rule.id}: {match.message}" for match in lint(json.dumps(template), config=config)]
