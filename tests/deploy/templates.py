"""Templates of a stage, built once for all tests of a process. Tests must not change them."""

import functools
from typing import Any

from deploy.cloudformation import Template
from deploy.home import build_home_template
from deploy.region import build_region_template
from deploy.settings import DeploymentSettings, RegionSettings

KEY = "arn:aws:kms:us-west-2:123456789012:key/0f"


def build_settings(stage: str = "prod") -> DeploymentSettings:
    """Return settings with everything that a template can contain."""
    return DeploymentSettings(
        stage=stage,
        home_region="eu-west-1",
        region_settings={
            "eu-west-1": RegionSettings(),
            "us-west-2": RegionSettings(vpc="vpc-0a1b2c3d", kms_key=KEY),
        },
        alarm_email="ops@example.com",
        permissions_boundary="arn:aws:iam::123456789012:policy/boundary",
        instance_policies=("arn:aws:iam::123456789012:policy/more",),
    )


@functools.cache
def build_home(stage: str = "prod") -> Template:
    """Return the template of a home stack."""
    return build_home_template(build_settings(stage))


@functools.cache
def build_region() -> Template:
    """Return the template of a region stack."""
    return build_region_template(build_settings())


def list_properties(template: Template, kind: str) -> dict[str, Any]:
    """Return the properties of all resources of a type, by logical id.

    :param kind: such as Lambda::Function
    """
    resources = template["Resources"].items()
    return {name: each["Properties"] for name, each in resources if each["Type"] == f"AWS::{kind}"}
