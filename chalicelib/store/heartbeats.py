"""Heartbeats: written by the instances, read by the desk; and beside each the desk's orders, the other way round."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pynamodb.exceptions import DoesNotExist, PutError, UpdateError

from chalicelib.domain.idle.heartbeat import Report
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, decode_response, encode_response
from chalicelib.store.models import HeartbeatModel

CONDITION_FAILED = "ConditionalCheckFailedException"


@dataclass(frozen=True)
class HeartbeatItem:
    """One item.

    :param response: None where none were given, or none that can be read
    """

    report: Report = None
    response: HeartbeatResponse | None = None


class HeartbeatRepository:
    """The heartbeats table."""

    def create_if_absent(self, key: str, orders: HeartbeatResponse) -> None:
        """Make the item that the instance may then update; an item that is there stays as it is."""
        try:
            HeartbeatModel(key, response=encode_response(orders)).save(condition=HeartbeatModel.id.does_not_exist())
        except PutError as error:
            if error.cause_response_code != CONDITION_FAILED:
                raise

    def set_response(self, key: str, orders: HeartbeatResponse) -> None:
        """Let the machine's next heartbeat be answered with these; where there is no item, nobody asks."""
        try:
            HeartbeatModel(key).update(
                actions=[HeartbeatModel.response.set(encode_response(orders))], condition=HeartbeatModel.id.exists()
            )
        except UpdateError as error:
            if error.cause_response_code != CONDITION_FAILED:
                raise

    def get(self, key: str) -> HeartbeatItem | None:
        """One item, read consistently; None where there is none."""
        try:
            return _beat(HeartbeatModel.get(key, consistent_read=True))
        except DoesNotExist:
            return None

    def get_many(self, keys: Iterable[str]) -> Mapping[str, HeartbeatItem]:
        """Many at once, a hundred a call; what is missing is left out."""
        return {found.id: _beat(found) for found in HeartbeatModel.batch_get(list(keys))}


def _beat(model: HeartbeatModel) -> HeartbeatItem:
    raw = {name: value for name, value in model.attribute_values.items() if value is not None}
    orders = raw.pop("response", None)
    return HeartbeatItem(decode_heartbeat(raw), _orders(orders) if orders is not None else None)


def _orders(raw: Any) -> HeartbeatResponse | None:
    try:
        return decode_response(raw.as_dict())
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
