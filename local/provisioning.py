"""Creation of the resources that gpudesk needs before its first request, as the templates describe them."""

import functools
import os
from collections.abc import Mapping
from typing import Any

import boto3

from chalicelib.settings import Settings, read_settings
from chalicelib.store.tables import reset_endpoint
from deploy.documents import build_documents
from deploy.home import build_data_resources
from deploy.region import build_log_group, build_security_group
from local.settings import HOME_REGION, build_local_names, build_variables
from local.template_resources import ResourceCreator
from local.webhook_key import create_webhook_key

REGIONS = (HOME_REGION,)


def provision(regions: tuple[str, ...] = REGIONS) -> Settings:
    """Create the resources of `provision_variables`, and return the settings of gpudesk."""
    return read_settings(provision_variables(regions))


def provision_variables(regions: tuple[str, ...] = REGIONS) -> dict[str, str]:
    """Create the resources of the home stack and the region stacks that gpudesk calls, and the webhook key.

    :param regions: the home region first
    :returns: environment variables of gpudesk, with the names of the resources
    """
    reset_endpoint(os.environ.get("AWS_ENDPOINT_URL"))
    names = build_local_names(regions)
    _load_dynamodb(names.settings.home_region)
    home = ResourceCreator(names.settings.home_region)
    home.create_all(build_data_resources(names))
    for region in regions:
        regional = {"SecurityGroup": build_security_group(names), "InstanceLogs": build_log_group(names)}
        ResourceCreator(region).create_all({**regional, **_compose_documents()})
    create_webhook_key(names)
    return {
        **build_variables(names),
        "GPUDESK_INSTANCE_ROLE_ID": home.created["InstanceRole"].attributes["RoleId"],
        "GPUDESK_ALLOW_PRIVATE_WEBHOOKS": "1",
    }


def _load_dynamodb(region: str) -> None:
    """Make moto load DynamoDB.

    That can take longer than the timeout of PynamoDB's clients. boto3's clients wait for a minute.
    """
    boto3.client("dynamodb", region).list_tables(Limit=1)


@functools.cache
def _compose_documents() -> Mapping[str, Any]:
    """Return the documents. They are cached, because tests create hundreds of accounts and composing is slow."""
    return build_documents(build_local_names())
