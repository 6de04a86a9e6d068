"""An instance as the local cloud knows it, beyond moto's record of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.ec2.models.instances import StateReason

from local.aws.core.errors import CloudError

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

BY_USER = StateReason("Client.UserInitiatedShutdown: User initiated shutdown", "Client.UserInitiatedShutdown")
BY_ITSELF = StateReason(
    "Client.InstanceInitiatedShutdown: Instance initiated shutdown", "Client.InstanceInitiatedShutdown"
)
RETIRED = StateReason("Server.ScheduledStop: Stopped due to scheduled retirement", "Server.ScheduledStop")


@dataclass
class TrackedInstance:
    """One instance from its launch until nobody can describe it any more.

    :param instance: moto's record
    :param launched_at: when RunInstances was answered
    :param next_at: when the next transition is due, None where there is none
    :param running_since: when it last became running; None while it is not
    :param has_disk: whether its machine was created
    """

    instance: Any
    launched_at: datetime
    next_at: datetime | None = None
    running_since: datetime | None = None
    has_disk: bool = False

    @property
    def state(self) -> str:
        return str(self.instance.state)

    @property
    def account(self) -> str:
        return str(self.instance.owner_id)

    @property
    def region(self) -> str:
        return str(self.instance.ec2_backend.region_name)

    @property
    def zone(self) -> str:
        return str(self.instance.availability_zone)

    def answers_to(self, key: str, values: Sequence[str]) -> bool:
        """Whether SSM's `InstanceIds` or `tag:...` means this instance.

        :raises CloudError: SSM has another key that the local cloud does not know
        """
        if key.lower() == "instanceids":
            return self.instance.id in values
        if key.startswith("tag:"):
            tags = {tag["key"]: tag["value"] for tag in self.instance.get_tags()}
            return tags.get(key.removeprefix("tag:")) in values
        raise CloudError("InvalidTarget", f"the local cloud does not know instances by {key}")
