"""Local cloud in process, one for each test, on a clock that only tests advance."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.clock import ManualClock
from tests.local.aws.fakes import RecordingMachines
from tests.support.machine_profile import create_machine_profile

UBUNTU = "/aws/service/canonical/ubuntu/server/22.04/stable/current/amd64/hvm/ebs-gp2/ami-id"
ONCE = Config(retries={"total_max_attempts": 1})

TIME_UNTIL_READY = timedelta(seconds=8 + 25)
"""Time from RunInstances to the first ping of the agent."""

Launch = Callable[..., str]

TABLE: Mapping[str, Any] = {
    "TableName": "things",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def machines() -> RecordingMachines:
    return RecordingMachines()


@pytest.fixture
def cloud(clock: ManualClock, machines: RecordingMachines) -> Iterator[LocalCloud]:
    with in_process_cloud(clock, machines) as cloud:
        yield cloud


@pytest.fixture
def ec2(cloud: LocalCloud) -> Any:
    return boto3.client("ec2", "us-east-1", config=ONCE)


@pytest.fixture
def ssm(cloud: LocalCloud) -> Any:
    return boto3.client("ssm", "us-east-1", config=ONCE)


@pytest.fixture
def dynamodb(cloud: LocalCloud) -> Any:
    return boto3.client("dynamodb", "us-east-1", config=ONCE)


@pytest.fixture
def launch(ec2: Any, ssm: Any) -> Launch:
    return build_launcher(ec2, ssm)


@pytest.fixture
def ready(launch: Launch, clock: ManualClock) -> Callable[[], str]:
    """Return a function that launches an instance and waits for its agent."""

    def launch_and_wait(**arguments: Any) -> str:
        instance_id = launch(**arguments)
        clock.advance(TIME_UNTIL_READY)
        return instance_id

    return launch_and_wait


def build_launcher(ec2: Any, ssm: Any) -> Launch:
    """Return a function that launches one Ubuntu instance and returns its id."""

    def launch(**arguments: Any) -> str:
        return str(ec2.run_instances(**{**build_launch_request(ssm), **arguments})["Instances"][0]["InstanceId"])

    return launch


def build_launch_request(ssm: Any) -> dict[str, Any]:
    """Return the smallest valid request of RunInstances for an instance whose agent can connect."""
    return {
        "IamInstanceProfile": {"Name": create_machine_profile()},
        "ImageId": ssm.get_parameter(Name=UBUNTU)["Parameter"]["Value"],
        "InstanceType": "g4dn.xlarge",
        "MinCount": 1,
        "MaxCount": 1,
    }


def describe_instance(ec2: Any, instance_id: str) -> dict[str, Any]:
    """Return the instance as DescribeInstances shows it."""
    found = ec2.describe_instances(InstanceIds=[instance_id])
    return dict(found["Reservations"][0]["Instances"][0])


def get_state(ec2: Any, instance_id: str) -> str:
    return str(describe_instance(ec2, instance_id)["State"]["Name"])


def run_shell(ssm: Any, instance_id: str, **arguments: Any) -> str:
    """Send AWS-RunShellScript, and return the id of the command."""
    arguments = {"Parameters": {"commands": ["true"]}, **arguments}
    sent = ssm.send_command(InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", **arguments)
    return str(sent["Command"]["CommandId"])


def create_table(dynamodb: Any, name: str = TABLE["TableName"]) -> None:
    """Create a table with a stream of old and new items."""
    dynamodb.create_table(**{**TABLE, "TableName": name})


def get_error(call: Callable[..., Any], **arguments: Any) -> tuple[str, int]:
    """Return the error code and the HTTP status with which a call fails."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response: Any = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
