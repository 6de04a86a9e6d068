"""Routes of a deployed REST API: which function answers a method of a path, as API Gateway shows them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import boto3

INTEGRATION_URI = re.compile(r"arn:[^:]+:apigateway:[^:]+:lambda:path/[^/]+/functions/(?P<function>[^/]+)/invocations")


class UnknownIntegration(Exception):
    """A method of the REST API leads to no function."""


@dataclass(frozen=True)
class RestApi:
    """A deployed REST API.

    :param stage: the first segment of all paths
    :param routes: the ARN of the function by path and method
    :param binary_types: types of bodies that the function gets in base64
    """

    id: str
    stage: str
    routes: Mapping[str, Mapping[str, str]]
    binary_types: tuple[str, ...]


def read_rest_api(region: str, api_id: str, stage: str) -> RestApi:
    """Return a REST API with its routes.

    :raises UnknownIntegration: a method leads to something else than a function
    """
    client = boto3.client("apigateway", region)
    client.get_stage(restApiId=api_id, stageName=stage)
    described = client.get_rest_api(restApiId=api_id)
    routes: dict[str, dict[str, str]] = {}
    for page in client.get_paginator("get_resources").paginate(restApiId=api_id, embed=["methods"]):
        for resource in page["items"]:
            for method, each in resource.get("resourceMethods", {}).items():
                uri = each.get("methodIntegration", {}).get("uri", "")
                routes.setdefault(resource["path"], {})[method] = _find_function(resource["path"], method, uri)
    return RestApi(api_id, stage, routes, tuple(described.get("binaryMediaTypes", ())))


def _find_function(path: str, method: str, uri: str) -> str:
    match = INTEGRATION_URI.fullmatch(uri)
    if match is None:
        raise UnknownIntegration(f"{method} {path} leads to {uri or 'nothing'}, which is no function.")
    return match["function"]
