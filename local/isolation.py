"""Isolation of this process and its child processes from real AWS accounts."""

import os
from collections.abc import MutableMapping

REGION = "us-east-1"

PLACEHOLDERS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    # Otherwise the host name of DynamoDB would contain an account id, and moto does not know such a name.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
LOOPBACK = "127.0.0.1,localhost"


def clear_aws_environment(environment: MutableMapping[str, str]) -> None:
    """Remove all AWS variables (keys, profile, endpoints) and gpudesk settings, and set placeholders.

    Call this before any import of the product, because some of its modules read these variables at import.
    """
    for name in [name for name in environment if name.startswith(("AWS_", "GPUDESK_"))]:
        del environment[name]
    environment.update(PLACEHOLDERS)
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (environment.get(name), LOOPBACK)))


def set_region(environment: MutableMapping[str, str], region: str) -> None:
    """Make `region` the default of all AWS clients that are created from now on."""
    environment["AWS_DEFAULT_REGION"] = region


def set_endpoint(environment: MutableMapping[str, str], endpoint: str) -> None:
    """Make all AWS clients that are created from now on call the local cloud at `endpoint`."""
    environment["AWS_ENDPOINT_URL"] = endpoint
