"""Regions of AWS and their services, from the endpoint data that botocore ships. Nothing here calls AWS."""

import functools
from collections.abc import Mapping
from typing import Any

import botocore.loaders

PARTITION = "aws"
"""The only partition whose regions are accepted. In the others, names of services, owners of AMIs and prices differ.
gpudesk has not been tried there."""

UNLISTED_SERVICES = frozenset({"ec2-instance-connect"})
"""Services that the endpoint data do not list by region, so their regions cannot be checked."""

ENDPOINT_PREFIXES = {"service-quotas": "servicequotas"}
"""Prefixes of endpoints that are not the name of the service in the SDK."""

CALLED_AT_HOME = frozenset({"dynamodb", "sns", "ssm", "sts"})
"""Services that the product calls in the home region."""

CALLED_IN_REGIONS = frozenset({"ec2", "ec2-instance-connect", "service-quotas", "ssm"})
"""Services that the product calls in the region of an instance."""

CALLED_ELSEWHERE = frozenset({"pricing"})
"""Services that the product calls in a region that is the same for all deployments (`aws/price_list.py`)."""

HOME_STACK_SERVICES = frozenset(
    {"apigateway", "cloudformation", "dynamodb", "events", "lambda", "logs", "monitoring", "s3", "sns", "sqs"}
)
"""Services of the home stack and its deployment, by the prefix of their endpoints."""

REGION_STACK_SERVICES = frozenset({"cloudformation", "ec2", "events", "logs", "ssm"})
"""Services of a region stack and its deployment."""

HOME_SERVICES = tuple(sorted(HOME_STACK_SERVICES | CALLED_AT_HOME))
"""Services that the home region needs."""

INSTANCE_SERVICES = tuple(
    sorted(
        ENDPOINT_PREFIXES.get(service, service)
        for service in (REGION_STACK_SERVICES | CALLED_IN_REGIONS) - UNLISTED_SERVICES
    )
)
"""Services that every region with instances needs."""


@functools.cache
def _load_partitions() -> Mapping[str, Mapping[str, Any]]:
    """Return the partitions by name."""
    data = botocore.loaders.Loader().load_data("endpoints")
    return {str(partition["partition"]): partition for partition in data["partitions"]}


def find_partition(region: str) -> str | None:
    """Return the partition of a region (`aws`, `aws-cn`, ...); None: botocore knows no such region."""
    return next((name for name, partition in _load_partitions().items() if region in partition["regions"]), None)


def find_missing_services(region: str, services: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the services that a known region does not have."""
    partition = _load_partitions()[find_partition(region) or PARTITION]
    listed: Mapping[str, Any] = partition["services"]
    return tuple(service for service in services if region not in listed.get(service, {}).get("endpoints", {}))
