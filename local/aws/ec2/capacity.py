"""Capacity that can run out: so many more instances of a type in a zone."""

from collections.abc import Callable

from local.aws.core.errors import CloudError


class Capacity:
    """Unlimited until somebody says otherwise.

    :param catch_up: lets everything happen that is due, so that what stopped before a `set` is not given back after it
    """

    def __init__(self, catch_up: Callable[[], None]) -> None:
        self._catch_up = catch_up
        self._left: dict[tuple[str, str], int] = {}

    def set(self, instance_type: str, zone: str, instances: int | None) -> None:
        """How many more instances of the type the zone has room for; None: any number."""
        self._catch_up()
        if instances is None:
            self._left.pop((instance_type, zone), None)
        else:
            self._left[instance_type, zone] = instances

    def take(self, instance_type: str, zone: str, count: int = 1) -> None:
        """Use some up.

        :raises CloudError: InsufficientInstanceCapacity, and nothing is used up
        """
        left = self._left.get((instance_type, zone))
        if left is None:
            return
        if left < count:
            raise CloudError(
                "InsufficientInstanceCapacity",
                f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you "
                f"requested ({zone}). Our system will be working on provisioning additional capacity.",
            )
        self._left[instance_type, zone] = left - count

    def give_back(self, instance_type: str, zone: str, count: int = 1) -> None:
        """An instance stopped or is gone, and leaves room for another."""
        if (instance_type, zone) in self._left:
            self._left[instance_type, zone] += count
