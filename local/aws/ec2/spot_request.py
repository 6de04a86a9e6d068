"""A spot request, with the states and status codes of EC2.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.ec2.models.instances import StateReason

from local.aws.core.errors import CloudError

LIVE_STATES = ("open", "active", "disabled")

INTERRUPTED = StateReason(
    "Server.SpotInstanceShutdown: Instance stopped by Spot due to no capacity", "Server.SpotInstanceShutdown"
)
INTERRUPTED_FOR_GOOD = StateReason(
    "Server.SpotInstanceTermination: Instance terminated by Spot due to no capacity", "Server.SpotInstanceTermination"
)

STATUS_MESSAGES = {
    "canceled-before-fulfillment": "Your Spot request is canceled before it was fulfilled.",
    "fulfilled": "Your Spot request is fulfilled.",
    "instance-stopped-by-user": "Your Spot instance was stopped by you.",
    "instance-stopped-no-capacity": "Your Spot instance was stopped because there is no more Spot capacity available.",
    "instance-terminated-by-user": "Your Spot instance was terminated by you.",
    "marked-for-stop": "Your Spot instance is marked for stop.",
    "marked-for-termination": "Your Spot instance is marked for termination.",
    "pending-evaluation": "Your Spot request has been submitted for review, and is pending evaluation.",
    "request-canceled-and-instance-running": "Your Spot request is canceled, but your instance is still running.",
}


@dataclass(frozen=True)
class LaunchCall:
    """The launch of a request, to launch an instance for it again: arguments of moto's backend."""

    backend: Any
    image_id: str
    user_data: Any
    security_group_names: list[str]
    parameters: Mapping[str, Any]


@dataclass
class SpotRequest:
    """One spot request.

    :param is_persistent: EC2 launches and starts an instance for it until it is cancelled
    :param behavior: what EC2 does to its instance at an interruption: stop or terminate
    :param interrupts_at: when EC2 interrupts its instance; None: it is not marked
    :param wins_over_stop: EC2's interruption wins if somebody stops the marked instance
    :param returns_after: time after an interruption in which EC2 starts the instance again; None: never
    :param fulfills_at: when EC2 launches or starts an instance for it; None: nothing is due
    """

    id: str
    region: str
    launch: LaunchCall
    tags: dict[str, str]
    is_persistent: bool
    behavior: str
    created_at: datetime
    updated_at: datetime
    instance_id: str | None = None
    state: str = "active"
    status_code: str = "fulfilled"
    interrupts_at: datetime | None = None
    wins_over_stop: bool = False
    returns_after: timedelta | None = None
    fulfills_at: datetime | None = None

    @property
    def is_marked(self) -> bool:
        """Return whether EC2 has announced an interruption of its instance."""
        return self.interrupts_at is not None

    @property
    def is_live(self) -> bool:
        """Return whether it is neither cancelled nor closed."""
        return self.state in LIVE_STATES

    def change(self, state: str, status_code: str, at: datetime) -> None:
        """Change the state and the status."""
        self.state, self.status_code, self.updated_at = state, status_code, at

    def describe(self) -> Mapping[str, Any]:
        """Return the request as DescribeSpotInstanceRequests shows it."""
        parameters = self.launch.parameters
        return {
            "SpotInstanceRequestId": self.id,
            "State": self.state,
            "Status": {
                "Code": self.status_code,
                "Message": STATUS_MESSAGES[self.status_code],
                "UpdateTime": self.updated_at,
            },
            "Type": "persistent" if self.is_persistent else "one-time",
            "InstanceInterruptionBehavior": self.behavior,
            "ProductDescription": "Linux/UNIX",
            "CreateTime": self.created_at,
            "LaunchSpecification": {
                "ImageId": self.launch.image_id,
                "InstanceType": parameters["instance_type"],
            },
            "Tags": [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())],
            **({"InstanceId": self.instance_id} if self.instance_id else {}),
        }

    def matches(self, name: str, values: Sequence[str]) -> bool:
        """Return whether a filter of DescribeSpotInstanceRequests selects the request.

        :raises CloudError: the filter is unknown
        """
        if name.startswith("tag:"):
            return self.tags.get(name.removeprefix("tag:")) in values
        match name:
            case "tag-key":
                return any(key in values for key in self.tags)
            case "state":
                return self.state in values
            case "spot-instance-request-id":
                return self.id in values
            case "instance-id":
                return self.instance_id in values
            case _:
                raise CloudError("InvalidParameterValue", f"The filter '{name}' is invalid")
