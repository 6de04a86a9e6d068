"""An instance of moto's, with the values that its record lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import StateReason

from local.aws.core.errors import CloudError
from local.aws.ec2.capacity import ON_DEMAND

STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

BY_USER = StateReason("Client.UserInitiatedShutdown: User initiated shutdown", "Client.UserInitiatedShutdown")
BY_ITSELF = StateReason(
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown", "Client.InstanceInitiatedShutdown"
)
RETIRED = StateReason("Server.ScheduledStop: Stopped due to scheduled retirement", "Server.ScheduledStop")

FAILED_STARTS = {
    "Client.InternalError": "Client error on launch",
    "Client.InvalidKMSKey.InvalidState": "The KMS key provided is in an incorrect state",
    "Client.InvalidSnapshot.NotFound": "The specified snapshot was not found",
    "Client.VolumeLimitExceeded": "Volume limit exceeded",
    "Server.InsufficientInstanceCapacity": "Insufficient capacity to satisfy instance request",
    "Server.InternalError": "Internal error on launch",
}
"""Messages of the state reasons with which EC2 ends a launch or start that it has accepted.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html
"""


def build_failed_start(code: str) -> StateReason:
    """Return a state reason of `FAILED_STARTS`, as DescribeInstances shows it."""
    return StateReason(f"{code}: {FAILED_STARTS[code]}", code)


@dataclass
class TrackedInstance:
    """One instance, from its launch until DescribeInstances no longer shows it.

    :param instance: moto's record
    :param launched_at: time of RunInstances
    :param next_at: when the next transition is due; None without one
    :param running_since: when it last became running; None while it is not running
    :param has_disk: whether its machine was created
    :param failed_start: state reason with which the pending instance ends instead of running; None: it will run
    """

    instance: Any
    launched_at: datetime
    next_at: datetime | None = None
    running_since: datetime | None = None
    has_disk: bool = False
    failed_start: StateReason | None = None

    @property
    def state(self) -> str:
        """Return EC2's name of the state."""
        return str(self.instance.state)

    @property
    def account(self) -> str:
        """Return the id of the account."""
        return str(self.instance.owner_id)

    @property
    def region(self) -> str:
        """Return the region."""
        return str(self.instance.ec2_backend.region_name)

    @property
    def zone(self) -> str:
        """Return the availability zone."""
        return str(self.instance.availability_zone)

    @property
    def market(self) -> str:
        """Return how EC2 sells the instance: `spot` or `on-demand`."""
        return str(self.instance.lifecycle or ON_DEMAND)

    @property
    def tags(self) -> Mapping[str, str]:
        """Return the tags by key."""
        return {tag["key"]: tag["value"] for tag in self.instance.get_tags()}

    @property
    def is_bare_metal(self) -> bool:
        """Return whether the type has no hypervisor."""
        return bool(INSTANCE_TYPES.get(self.instance.instance_type, {}).get("BareMetal"))

    def matches_target(self, key: str, values: Sequence[str]) -> bool:
        """Return whether SSM's target `InstanceIds` or `tag:...` selects this instance.

        :raises CloudError: the local cloud does not support this key
        """
        if key.lower() == "instanceids":
            return self.instance.id in values
        if key.startswith("tag:"):
            return self.tags.get(key.removeprefix("tag:")) in values
        raise CloudError("InvalidTarget", f"The local cloud does not support the target {key}.")
