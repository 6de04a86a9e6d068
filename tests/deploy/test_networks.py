"""Networks in the environment of the functions, and the rules of the security group."""

from dataclasses import replace

import pytest

from deploy.names import ResourceNames
from deploy.networks import OUTBOUND_PORTS, join_networks
from deploy.region import build_security_group
from deploy.setting_checks import InvalidDeploymentSetting
from deploy.settings import RegionSettings
from tests.deploy.templates import build_settings


def test_networks_that_do_not_fit_into_the_environment_are_refused() -> None:
    subnets = tuple(f"subnet-{number:017x}" for number in range(200))
    settings = replace(build_settings(), region_settings={"us-west-2": RegionSettings(vpc="vpc-0a", subnets=subnets)})
    with pytest.raises(InvalidDeploymentSetting, match=r"regions: VPCs and subnets have .* characters, and 3000 fit"):
        join_networks(settings)


def test_instances_may_connect_to_the_ports_of_the_settings() -> None:
    names = ResourceNames(replace(build_settings(), outbound_ports=(3128,)))
    rules = build_security_group(names)["Properties"]["SecurityGroupEgress"]
    assert [rule["ToPort"] for rule in rules] == [*(port for port, _, _ in OUTBOUND_PORTS), 3128]
    assert all(rule["FromPort"] == rule["ToPort"] for rule in rules)
