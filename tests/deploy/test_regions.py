"""The services that are checked in a region are those that the templates and the code use there."""

import boto3
import pytest

from chalicelib.domain.offers.places import PLACES
from deploy.aws_services import SERVICES
from deploy.cloudformation import Template
from deploy.regions import (
    CALLED_AT_HOME,
    CALLED_ELSEWHERE,
    CALLED_IN_REGIONS,
    HOME_SERVICES,
    HOME_STACK_SERVICES,
    INSTANCE_SERVICES,
    PARTITION,
    REGION_STACK_SERVICES,
    find_missing_services,
)
from tests.deploy.templates import build_home, build_region

ENDPOINTS = {"CloudWatch": "monitoring"}
"""Names of services in types of CloudFormation that are not the prefix of their endpoints."""

DEPLOYMENT = {"cloudformation", "s3"}
GLOBAL = {"iam"}


def list_services(template: Template) -> set[str]:
    kinds = {resource["Type"].split("::")[1] for resource in template["Resources"].values()}
    return {ENDPOINTS.get(kind, kind.lower()) for kind in kinds} - GLOBAL


def test_services_of_the_stacks_are_those_of_the_templates() -> None:
    assert list_services(build_home()) == HOME_STACK_SERVICES - DEPLOYMENT
    assert list_services(build_region()) == REGION_STACK_SERVICES - DEPLOYMENT


def test_every_region_of_aws_has_a_place_for_distances() -> None:
    regions = boto3.Session().get_available_regions("ec2", partition_name=PARTITION)
    assert sorted(set(regions) - PLACES.keys()) == []


def test_every_service_that_the_code_calls_is_checked() -> None:
    assert CALLED_AT_HOME | CALLED_IN_REGIONS | CALLED_ELSEWHERE == SERVICES


@pytest.mark.parametrize("service", sorted({*HOME_SERVICES, *INSTANCE_SERVICES}))
def test_missing_service_would_be_found(service: str) -> None:
    assert find_missing_services("us-nowhere-1", (service,)) == (service,)
    assert find_missing_services("us-east-1", (service,)) == ()
