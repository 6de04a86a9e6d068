"""Nothing of this process, and nothing that it starts, may ever reach a real AWS account."""

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
    # the account in DynamoDB's host name is one that moto does not answer to
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
LOOPBACK = "127.0.0.1,localhost"


def clear_aws_environment(environment: MutableMapping[str, str]) -> None:
    """Take out every AWS variable (keys, profile, end points) and every setting of the desk's; put stand-ins in.

    Call it before anything of the product is imported: it reads some of them at import.
    """
    for name in [name for name in environment if name.startswith(("AWS_", "GPUDESK_"))]:
        del environment[name]
    environment.update(PLACEHOLDERS)
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join(filter(None, (environment.get(name), LOOPBACK)))


def point_to(environment: MutableMapping[str, str], endpoint: str) -> None:
    """Every client that is made from now on asks the local cloud at `endpoint`."""
    environment["AWS_ENDPOINT_URL"] = endpoint
