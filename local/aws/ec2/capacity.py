"""Capacity of EC2: the number of further instances of a type that can start in a zone, by market."""

from collections.abc import Callable

from local.aws.core.errors import CloudError

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
            raise CloudError(
                "InsufficientInstanceCapacity",
                NO_SPOT
                if market == SPOT
                else f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you "
                f"requested ({zone}). Our system will be working on provisioning additional capacity.",
            )
        self._remaining[instance_type, zone, market] = remaining - count

    def release(self, instance_type: str, zone: str, count: int = 1, *, market: str = ON_DEMAND) -> None:
        """Give back the capacity of stopped or terminated instances."""
        if (instance_type, zone, market) in self._remaining:
            self._remaining[instance_type, zone, market] += count
