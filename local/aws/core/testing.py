"""The local cloud inside a test process: `mock_aws` with the extensions, dummy credentials, no server.

with in_process_cloud() as cloud:
    ec2 = boto3.client("ec2", "us-east-1")
"""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader
from moto import mock_aws
from moto.ec2.models import ec2_backends

from chalicelib.aws.clients import SdkSession, parse_time
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.sessions.role import Credentials
from local.aws.core import in_process_calls
from local.aws.core.local_cloud import LocalCloud
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.clock import ManualClock
from local.machines.host.interface import Machines
from local.machines.host.simulated import SimulatedMachines

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    # Otherwise the host name of DynamoDB Streams would contain an account id, and moto does not know such a name.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
REMOVED_VARIABLES = ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "MOTO_ACCOUNT_ID")

_LOADER = create_loader()


@contextmanager
def in_process_cloud(
    clock: Clock | None = None, machines: Machines | None = None, timing: AwsTiming | None = None
) -> Iterator[LocalCloud]:
    """Provide an empty local cloud. Create AWS clients inside the block.

    :param clock: None is a clock that only `advance` moves
    :param machines: None is a simulated fleet
    :param timing: None is the default timing
    """
    with _set_environment(), mock_aws(), _speed_up_calls(), _share_clients():
        cloud = LocalCloud(clock or ManualClock(), machines or SimulatedMachines(), timing)
        if isinstance(cloud.machines, SimulatedMachines):
            cloud.machines.on_power_off = cloud.record_power_off
        with cloud:
            yield cloud
        cloud.machines.close()
        for regions in ec2_backends.values():
            regions.clear()  # otherwise `mock_aws` would create them again at its end, which takes long


def create_session() -> boto3.Session:
    """Return a session that shares botocore's service models, because loading them takes most of a test's time.

    It parses times as gpudesk's clients do.
    """
    session = botocore.session.get_session()
    session.register_component("data_loader", _LOADER)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=parse_time)
    return boto3.Session("testing", "testing", region_name="us-east-1", botocore_session=session)


class SharedSdkSession(SdkSession):
    """The session of gpudesk's clients that all local clouds of this process share. `share_sdk_session` returns it."""

    def create_client(self, service: Any, region: str, config: Config, credentials: Credentials | None = None) -> Any:
        """Return a new client with credentials; without, one that was created before if all arguments are the same."""
        if credentials:
            return super().create_client(service, region, config, credentials)
        return _get_shared_session().client(service, region_name=region, config=config)


@functools.cache
def share_sdk_session() -> SdkSession:
    """Return the session of gpudesk's clients of this process. Creating one takes a quarter of the time of a cloud."""
    return SharedSdkSession()


@functools.cache
def _get_shared_session() -> boto3.Session:
    """Return the session whose clients all local clouds of this process share.

    The clients send their calls to moto, which is the same for all clouds.
    """
    session = create_session()
    session.client = functools.cache(session.client)  # type: ignore[method-assign]
    return session


@contextmanager
def _speed_up_calls() -> Iterator[None]:
    patches = Patches()
    in_process_calls.patch(patches)
    try:
        yield
    finally:
        patches.undo()


@contextmanager
def _share_clients() -> Iterator[None]:
    before, boto3.DEFAULT_SESSION = boto3.DEFAULT_SESSION, _get_shared_session()
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


@contextmanager
def _set_environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*ENVIRONMENT, *REMOVED_VARIABLES)}
    for name in REMOVED_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
