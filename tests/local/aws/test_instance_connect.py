from collections.abc import Callable
from datetime import timedelta
from typing import Any

import boto3
import pytest

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from tests.local.aws.conftest import ONCE, Launch, get_error
from tests.local.aws.fakes import RecordingMachines

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def connect(cloud: LocalCloud) -> Any:
    return boto3.client("ec2-instance-connect", "us-east-1", config=ONCE)


def test_ssh_key_is_offered_for_one_minute(
    connect: Any, machines: RecordingMachines, ready: Callable[[], str], clock: ManualClock, cloud: LocalCloud
) -> None:
    instance_id = ready()
    answer = connect.send_ssh_public_key(InstanceId=instance_id, InstanceOSUser="ubuntu", SSHPublicKey=KEY)
    assert answer["Success"]
    assert machines.ssh_keys == [(instance_id, "ubuntu", KEY, clock.now() + timedelta(minutes=1))]
    assert cloud.calls["ec2-instance-connect:SendSSHPublicKey"] == 1


def test_key_needs_running_instance(connect: Any, ec2: Any, launch: Launch, machines: RecordingMachines) -> None:
    arguments = {"InstanceOSUser": "ubuntu", "SSHPublicKey": KEY}
    unknown = get_error(connect.send_ssh_public_key, InstanceId="i-0123456789abcdef0", **arguments)
    assert unknown == ("EC2InstanceNotFoundException", 404)
    pending = get_error(connect.send_ssh_public_key, InstanceId=launch(), **arguments)
    assert pending == ("EC2InstanceStateInvalidException", 400)
    assert machines.ssh_keys == []


@pytest.mark.parametrize("key", [KEY.replace("ssh-ed25519", "ecdsa-sha2-nistp256"), f"{KEY}\n{KEY}"])
def test_invalid_key_is_rejected(connect: Any, ready: Callable[[], str], key: str) -> None:
    arguments = {"InstanceId": ready(), "InstanceOSUser": "ubuntu", "SSHPublicKey": key}
    assert get_error(connect.send_ssh_public_key, **arguments) == ("InvalidArgsException", 400)
