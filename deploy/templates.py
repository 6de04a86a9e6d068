"""The files of the templates, in the form in which CloudFormation gets them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from deploy.home import build_home_template
from deploy.region import build_region_template
from deploy.settings import DeploymentSettings

HOME_NAME, REGION_NAME = "template.yaml", "region.yaml"

WIDTH = 120


def write_templates(output: Path, settings: DeploymentSettings) -> list[Path]:
    """Write the templates of the home stack and of the region stacks.

    :returns: the files
    """
    contents = {HOME_NAME: build_home_template(settings), REGION_NAME: build_region_template(settings)}
    texts = {name: to_yaml(template) for name, template in contents.items()}
    output.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (output / name).write_text(text, encoding="utf-8")
    return [output / name for name in texts]


def to_yaml(template: Mapping[str, Any]) -> str:
    """Return a template as YAML without anchors, which CloudFormation does not read everywhere."""
    copied = json.loads(json.dumps(template))
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(copied, Dumper=dumper, sort_keys=False, width=WIDTH, allow_unicode=True)
    return text
