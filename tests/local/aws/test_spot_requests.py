"""Spot requests and interruptions of the local cloud, through boto3."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.core.local_cloud import LocalCloud
from local.aws.core.testing import in_process_cloud
from local.clock import ManualClock
from local.machines.host.simulated import SimulatedMachines
from tests.local.aws.conftest import ONCE, UBUNTU

MINUTE = timedelta(minutes=1)
PERSISTENT = {"SpotInstanceType": "persistent", "InstanceInterruptionBehavior": "stop"}


class Cloud:
    """A local cloud with one spot instance."""

    def __init__(self, cloud: LocalCloud, clock: ManualClock) -> None:
        self.cloud, self.clock = cloud, clock
        self.ec2: Any = boto3.client("ec2", "us-east-1", config=ONCE)
        self.image_id = boto3.client("ssm", "us-east-1").get_parameter(Name=UBUNTU)["Parameter"]["Value"]
        self.id, self.request_id = self.launch(PERSISTENT)
        self.pass_time(MINUTE)

    def launch(self, options: dict[str, str]) -> tuple[str, str]:
        tags = [{"ResourceType": "spot-instances-request", "Tags": [{"Key": "team", "Value": "vision"}]}]
        market = {"MarketType": "spot", "SpotOptions": options}
        launched = self.ec2.run_instances(
            MinCount=1,
            MaxCount=1,
            ImageId=self.image_id,
            InstanceType="g4dn.xlarge",
            InstanceMarketOptions=market,
            TagSpecifications=tags,
        )["Instances"][0]
        assert launched["InstanceLifecycle"] == "spot"
        return launched["InstanceId"], launched["SpotInstanceRequestId"]

    def pass_time(self, time: timedelta) -> None:
        self.clock.advance(time)
        self.cloud.tick()

    def describe(self) -> dict[str, Any]:
        wanted = {"tag:team": ["vision"], "spot-instance-request-id": [self.request_id]}
        filters = [{"Name": name, "Values": values} for name, values in wanted.items()]
        (request,) = self.ec2.describe_spot_instance_requests(Filters=filters)["SpotInstanceRequests"]
        return dict(request)

    @property
    def state(self) -> tuple[str, str]:
        request = self.describe()
        return request["State"], request["Status"]["Code"]

    def get_instance(self) -> dict[str, Any]:
        return dict(self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0])


@pytest.fixture
def spot() -> Iterator[Cloud]:
    clock = ManualClock()
    with in_process_cloud(clock, SimulatedMachines()) as cloud:
        yield Cloud(cloud, clock)


def test_stop_disables_the_request_and_a_start_activates_it(spot: Cloud) -> None:
    assert spot.state == ("active", "fulfilled")
    assert spot.describe()["InstanceId"] == spot.id
    spot.ec2.stop_instances(InstanceIds=[spot.id])
    spot.pass_time(MINUTE)
    assert spot.state == ("disabled", "instance-stopped-by-user")
    spot.ec2.start_instances(InstanceIds=[spot.id])
    assert spot.state == ("active", "fulfilled")


def test_interrupted_instance_is_started_by_ec2_only(spot: Cloud) -> None:
    spot.cloud.interrupt(spot.id, returns_after=5 * MINUTE)
    assert spot.state == ("active", "marked-for-stop")
    spot.pass_time(3 * MINUTE)
    assert spot.state == ("open", "instance-stopped-no-capacity")
    assert spot.get_instance()["StateReason"]["Code"] == "Server.SpotInstanceShutdown"
    with pytest.raises(ClientError, match="IncorrectSpotRequestState"):
        spot.ec2.start_instances(InstanceIds=[spot.id])
    spot.pass_time(5 * MINUTE)
    spot.pass_time(MINUTE)
    assert (spot.state, spot.get_instance()["State"]["Name"]) == (("active", "fulfilled"), "running")


def test_cancellation_terminates_only_a_stopped_instance(spot: Cloud) -> None:
    other_id, other_request = spot.launch(PERSISTENT)
    spot.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[other_request])
    spot.ec2.stop_instances(InstanceIds=[spot.id])
    spot.pass_time(MINUTE)
    spot.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[spot.request_id])
    spot.pass_time(MINUTE)
    assert (spot.state[0], spot.get_instance()["State"]["Name"]) == ("cancelled", "terminated")
    spot.id = other_id
    assert spot.get_instance()["State"]["Name"] == "running"


def test_termination_before_the_cancellation_launches_another_instance(spot: Cloud) -> None:
    spot.ec2.terminate_instances(InstanceIds=[spot.id])
    spot.pass_time(MINUTE)
    assert spot.state == ("open", "pending-evaluation")
    spot.pass_time(2 * MINUTE)
    assert spot.state == ("active", "fulfilled")
    assert spot.describe()["InstanceId"] != spot.id


@pytest.mark.parametrize(
    "options",
    [{"SpotInstanceType": "persistent"}, {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "stop"}],
)
def test_behavior_that_does_not_fit_the_type_of_request_is_refused(spot: Cloud, options: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="InvalidParameterCombination"):
        spot.launch(options)


def test_unknown_request_and_full_market_are_refused(spot: Cloud) -> None:
    with pytest.raises(ClientError, match=r"InvalidSpotInstanceRequestID\.NotFound"):
        spot.ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=["sir-00000000"])
    spot.cloud.capacity.set("g4dn.xlarge", "us-east-1a", 0, "spot")
    with pytest.raises(ClientError, match=r"InsufficientInstanceCapacity.*no Spot capacity"):
        spot.launch(PERSISTENT)
