"""The local cloud in process, for tests: `mock_aws` with the extension, dummy credentials, nothing listening.

with in_process_cloud() as cloud:
    ec2 = boto3.client("ec2", "us-east-1")
"""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
import botocore.session
from botocore.loaders import create_loader
from moto import mock_aws

from chalicelib.domain.common.clock import Clock
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from local.machines.host.port import Machines
from local.machines.host.simulated import SimulatedMachines

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    # the local cloud publishes the AMIs that a desk asks for; the hundreds of moto would take most of a test
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    # the account in DynamoDB Streams' host name is one that moto does not answer to
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
IN_THE_WAY = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "MOTO_ACCOUNT_ID")

_LOADER = create_loader()


@contextmanager
def in_process_cloud(
    clock: Clock | None = None, machines: Machines | None = None, timing: AwsTiming | None = None
) -> Iterator[LocalCloud]:
    """A cloud of its own for one test; clients are made inside.

    :param clock: one that stands still where None
    :param machines: simulated ones where None
    """
    with _environment(), mock_aws(), _quick_clients():
        cloud = LocalCloud(clock or ManualClock(), machines or SimulatedMachines(), timing)
        if isinstance(cloud.machines, SimulatedMachines):
            cloud.machines.on_power_off = cloud.record_power_off
        with cloud:
            yield cloud
        cloud.machines.close()


def create_session() -> boto3.Session:
    """A session that shares with the others what botocore knows of AWS: reading it anew takes most of a test."""
    session = botocore.session.get_session()
    session.register_component("data_loader", _LOADER)
    return boto3.Session("testing", "testing", region_name="us-east-1", botocore_session=session)


@functools.cache
def _shared_session() -> boto3.Session:
    """Its clients are shared by all clouds of this process: they lead to moto, whichever of the clouds it plays."""
    session = create_session()
    session.client = functools.cache(session.client)  # type: ignore[method-assign]
    return session


@contextmanager
def _quick_clients() -> Iterator[None]:
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, _shared_session()
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


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
