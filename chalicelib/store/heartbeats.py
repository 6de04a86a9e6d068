"""Heartbeats: written by the instances, read by the desk; and beside each the desk's orders, the other way round."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pynamodb.exceptions import DoesNotExist, PutError, UpdateError

from chalicelib.domain.activity.heartbeat import Report, heartbeat_from
from chalicelib.domain.activity.orders import Orders, orders_from, plain_orders
from chalicelib.store.models import HeartbeatModel

FAILED_CONDITION = "ConditionalCheckFailedException"


@dataclass(frozen=True)
class Beat:
    """One item.

    :param orders: None where none were given, or none that can be read
    """

    report: Report = None
    orders: Orders | None = None


class Heartbeats:
    """The heartbeats table."""

    def open(self, key: str, orders: Orders) -> None:
        """Make the item that the instance may then update; an item that is there stays as it is."""
        try:
            HeartbeatModel(key, response=plain_orders(orders)).save(condition=HeartbeatModel.id.does_not_exist())
        except PutError as error:
            if error.cause_response_code != FAILED_CONDITION:
                raise

    def give(self, key: str, orders: Orders) -> None:
        """Let the machine's next heartbeat be answered with these; where there is no item, nobody asks."""
        try:
            HeartbeatModel(key).update(
                actions=[HeartbeatModel.response.set(plain_orders(orders))], condition=HeartbeatModel.id.exists()
            )
        except UpdateError as error:
            if error.cause_response_code != FAILED_CONDITION:
                raise

    def read(self, key: str) -> Beat | None:
        """One item, read consistently; None where there is none."""
        try:
            return _beat(HeartbeatModel.get(key, consistent_read=True))
        except DoesNotExist:
            return None

    def read_many(self, keys: Iterable[str]) -> Mapping[str, Beat]:
        """Many at once, a hundred a call; what is missing is left out."""
        return {found.id: _beat(found) for found in HeartbeatModel.batch_get(list(keys))}


def _beat(model: HeartbeatModel) -> Beat:
    raw = {name: value for name, value in model.attribute_values.items() if value is not None}
    orders = raw.pop("response", None)
    return Beat(heartbeat_from(raw), _orders(orders) if orders is not None else None)


def _orders(raw: Any) -> Orders | None:
    try:
        return orders_from(raw.as_dict())
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
