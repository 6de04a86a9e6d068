"""The local cloud in process, for tests: `mock_aws` with the extension, dummy credentials, nothing listening.

with in_process_cloud() as cloud:
    ec2 = boto3.client("ec2", "us-east-1")
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from moto import mock_aws

from chalicelib.domain.clock import Clock
from local.clock import ManualClock
from local.cloud.behaviour import Behaviour
from local.cloud.local_cloud import LocalCloud
from local.machines.port import Machines

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    # the account in DynamoDB Streams' host name is one that moto does not answer to
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
IN_THE_WAY = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "MOTO_ACCOUNT_ID")


@contextmanager
def in_process_cloud(
    clock: Clock | None = None, machines: Machines | None = None, behaviour: Behaviour | None = None
) -> Iterator[LocalCloud]:
    """A cloud of its own for one test; clients are made inside.

    :param clock: one that stands still where None
    :param machines: simulated ones where None
    """
    with _environment(), mock_aws():
        cloud = LocalCloud(clock or ManualClock(), machines or _simulated(), behaviour)
        with cloud:
            yield cloud
        cloud.machines.close()


@contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*ENVIRONMENT, *IN_THE_WAY)}
    for name in IN_THE_WAY:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _simulated() -> Machines:
    from local.cloud.still_machines import StillMachines

    return StillMachines()
