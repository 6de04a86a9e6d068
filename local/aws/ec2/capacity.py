"""Limited capacity: how many more instances of a type a zone can start."""

from collections.abc import Callable

from local.aws.core.errors import CloudError


class Capacity:
    """Free capacity. It is unlimited until `set` limits it.

    :param catch_up: applies everything that is due, so that an instance that stopped before a `set` is not counted
        after it
    """

    def __init__(self, catch_up: Callable[[], None]) -> None:
        """Start with unlimited capacity."""
        self._catch_up = catch_up
        self._remaining: dict[tuple[str, str], int] = {}

    def set(self, instance_type: str, zone: str, instances: int | None) -> None:
        """Set the number of further instances of a type for which a zone has room.

        :param instances: None removes the limit
        """
        self._catch_up()
        if instances is None:
            self._remaining.pop((instance_type, zone), None)
        else:
            self._remaining[instance_type, zone] = instances

    def take(self, instance_type: str, zone: str, count: int = 1) -> None:
        """Use capacity.

        :raises CloudError: InsufficientInstanceCapacity; nothing is used then
        """
        remaining = self._remaining.get((instance_type, zone))
        if remaining is None:
            return
        if remaining < count:
            raise CloudError(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you "
                f"requested ({zone}). Our system will be working on provisioning additional capacity.",
            )
        self._remaining[instance_type, zone] = remaining - count

    def release(self, instance_type: str, zone: str, count: int = 1) -> None:
        """Give back the capacity of stopped or terminated instances."""
        if (instance_type, zone) in self._remaining:
            self._remaining[instance_type, zone] += count
