"""The functions of a deployed stack, by ARN: their settings from Lambda, their code from the zip."""

import base64
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import boto3

from local.deployed.function import Function, FunctionSpec, Host

CreateCredentials = Callable[[str, str], Mapping[str, str]]
"""Function that returns the variables with the credentials of a role, from the ARN of the role and a session name."""


class OtherCode(Exception):
    """A function of the stack has another zip than the one that was unpacked."""


def list_functions(region: str, digest: str, host: Host, create_credentials: CreateCredentials) -> dict[str, Function]:
    """Return all functions of the account in a region.

    :param digest: SHA-256 of the unpacked zip, in hexadecimal
    :raises OtherCode: a function has another zip
    """
    functions = {}
    for spec, found in _describe_functions(region):
        if found != digest:
            raise OtherCode(f"{spec.name} has the zip {found}, and {digest} is unpacked in {host.code}.")
        functions[spec.arn] = Function(spec, host, create_credentials(spec.role, spec.name))
    return functions


def _describe_functions(region: str) -> Iterator[tuple[FunctionSpec, str]]:
    """Yield each function and the digest of its zip."""
    for page in boto3.client("lambda", region).get_paginator("list_functions").paginate():
        for each in page["Functions"]:
            spec = FunctionSpec(
                name=each["FunctionName"],
                arn=each["FunctionArn"],
                role=each["Role"],
                handler=each["Handler"],
                timeout_seconds=each["Timeout"],
                memory_mib=each["MemorySize"],
                environment=each.get("Environment", {}).get("Variables", {}),
                runtime=each["Runtime"],
                log_group=each.get("LoggingConfig", {}).get("LogGroup", ""),
            )
            yield spec, base64.b64decode(each["CodeSha256"]).hex()


def build_host(python: Path, code: Path, logs: Path, cloud_url: str) -> Host:
    """Return what the local cloud adds to the template: its address, its clock, and webhooks on this computer."""
    environment = {
        "AWS_ENDPOINT_URL": cloud_url,
        # Otherwise the host name of DynamoDB would contain an account id, and moto does not know such a name.
        "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
        "GPUDESK_ALLOW_PRIVATE_WEBHOOKS": "1",
        "LOCAL_CLOCK_URL": f"{cloud_url}/_local/clock",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    return Host(python=python, code=code, environment=environment, logs=logs)
