"""Capacity of EC2: the number of further instances of a type that can start in a zone, by market."""

from collections.abc import Callable

from local.aws.core.errors import CloudError
from local.aws.ec2.launch_requests import list_zones

ON_DEMAND, SPOT = "on-demand", "spot"
NO_SPOT = "There is no Spot capacity available that matches your request."


class Capacity:
    """Free capacity. It is unlimited until `set` limits it.

    :param catch_up: completes all transitions that are due. `set` calls it first, so that the capacity of an instance
        that stopped before is not added to the new limit
    """

    def __init__(self, catch_up: Callable[[], None]) -> None:
        """Start with unlimited capacity."""
        self._catch_up = catch_up
        self._remaining: dict[tuple[str, str, str], int] = {}

    def set(self, instance_type: str, zone: str, instances: int | None, market: str = ON_DEMAND) -> None:
        """Set the number of further instances of a type that can start in a zone.

        :param instances: None removes the limit
        """
        self._catch_up()
        if instances is None:
            self._remaining.pop((instance_type, zone, market), None)
        else:
            self._remaining[instance_type, zone, market] = instances

    def take(self, instance_type: str, zone: str, count: int = 1, *, market: str = ON_DEMAND) -> None:
        """Use capacity for `count` instances.

        :raises CloudError: InsufficientInstanceCapacity; then no capacity is used
        """
        remaining = self._remaining.get((instance_type, zone, market))
        if remaining is None:
            return
        if remaining < count:
            text = NO_SPOT if market == SPOT else self._describe_refusal(instance_type, zone)
            raise CloudError("InsufficientInstanceCapacity", text)
        self._remaining[instance_type, zone, market] = remaining - count

    def release(self, instance_type: str, zone: str, count: int = 1, *, market: str = ON_DEMAND) -> None:
        """Give back the capacity of stopped or terminated instances."""
        if (instance_type, zone, market) in self._remaining:
            self._remaining[instance_type, zone, market] += count

    def _describe_refusal(self, instance_type: str, zone: str) -> str:
        """Return the text of EC2, which names the other zones of the region that have capacity.

        As it is quoted in https://github.com/commonwarexyz/monorepo/issues/2859 and many other reports.
        """
        text = (
            f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested "
            f"({zone}). Our system will be working on provisioning additional capacity."
        )
        zones = list_zones(instance_type, zone[:-1])
        others = [each for each in zones if self._remaining.get((instance_type, each, ON_DEMAND)) != 0]
        if not others:
            return text
        return (
            f"{text} You can currently get {instance_type} capacity by not specifying an Availability Zone in your "
            f"request or choosing {', '.join(others)}."
        )
