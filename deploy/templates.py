"""The templates as files for CloudFormation."""

import json
from collections.abc import Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from deploy.home import build_home_template
from deploy.region import build_region_template
from deploy.settings import DeploymentSettings

HOME_NAME, REGION_NAME = "template.yaml", "region.yaml"

WIDTH = 120


def build_template_texts(settings: DeploymentSettings) -> Mapping[str, str]:
    """Return the templates of the home stack and of the region stacks, by the names of their files."""
    templates = {HOME_NAME: build_home_template(settings), REGION_NAME: build_region_template(settings)}
    return {name: to_yaml(template) for name, template in templates.items()}


def to_yaml(template: Mapping[str, Any]) -> str:
    """Return a template as YAML without anchors, which CloudFormation does not read everywhere."""
    copied = json.loads(json.dumps(template))
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(copied, Dumper=dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    return text
