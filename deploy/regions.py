"""Regions of AWS and their services, from the endpoint data that botocore ships. Nothing here calls AWS."""

import functools
from collections.abc import Mapping
from typing import Any

import botocore.loaders

HOME_SERVICES = (
    "apigateway",
    "cloudformation",
    "dynamodb",
    "events",
    "lambda",
    "logs",
    "monitoring",
    "s3",
    "sns",
    "sqs",
)
"""Services that the home stack uses, by the prefix of their endpoints."""

INSTANCE_SERVICES = ("cloudformation", "ec2", "ec2-instance-connect", "events", "logs", "ssm", "sts")
"""Services that every region with instances needs."""

GLOBAL_PARTITION_SERVICES = frozenset({"ec2-instance-connect"})
"""Services that the endpoint data do not list by region. Their endpoints follow the pattern of their partition."""


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
    partition = _load_partitions()[find_partition(region) or "aws"]
    listed: Mapping[str, Any] = partition["services"]
    return tuple(
        service
        for service in services
        if service not in GLOBAL_PARTITION_SERVICES and region not in listed.get(service, {}).get("endpoints", {})
    )
