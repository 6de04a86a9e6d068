"""The heartbeats table: instances write their heartbeats, gpudesk writes its response into the same item."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.attributes import Attribute, TTLAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, decode_response, encode_response
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import find_item, save_if, update_if


class UncheckedText(Attribute[Any]):
    """A text that an instance writes. Reading it succeeds, whatever its type."""

    attr_type = "S"

    def get_value(self, value: dict[str, Any]) -> Any:
        """Return DynamoDB's typed value unchanged."""
        return value

    def serialize(self, value: Any) -> Any:
        """Refuse to write.

        :raises NotImplementedError: always
        """
        raise NotImplementedError("Only the instances write this attribute.")

    def deserialize(self, value: dict[str, Any]) -> Any:
        """Return a text, or the typed value of another type."""
        return value.get("S", value)


class HeartbeatModel(TableModel):
    """An instance's heartbeat. Its role may update this one item, but not `response`, which gpudesk writes."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "heartbeats"

    id = UnicodeAttribute(hash_key=True)
    heartbeat = UncheckedText(null=True)
    response = UnicodeAttribute(null=True)
    expires_at = TTLAttribute(null=True)


@dataclass(frozen=True)
class HeartbeatItem:
    """A heartbeat and gpudesk's response to it.

    :param response: None if there is none, or an unreadable one
    """

    report: DecodedHeartbeat = None
    response: HeartbeatResponse | None = None


class HeartbeatRepository:
    """The heartbeats table."""

    def create_if_absent(self, key: str, response: HeartbeatResponse) -> None:
        """Create the item that the instance may then update. An existing item stays unchanged."""
        item = HeartbeatModel(key, response=encode_response(response))
        save_if(item, HeartbeatModel.id.does_not_exist())

    def set_response(self, key: str, response: HeartbeatResponse) -> None:
        """Replace the response to the instance's next heartbeat, unless the instance has no item."""
        update_if(
            HeartbeatModel(key), [HeartbeatModel.response.set(encode_response(response))], HeartbeatModel.id.exists()
        )

    def get(self, key: str) -> HeartbeatItem | None:
        """Return an item, read consistently."""
        item = find_item(HeartbeatModel, key)
        return _to_heartbeat_item(item) if item else None

    def get_many(self, keys: Iterable[str]) -> Mapping[str, HeartbeatItem]:
        """Return the items that exist, by key. DynamoDB is called once for 100 items."""
        return {item.id: _to_heartbeat_item(item) for item in HeartbeatModel.batch_get(list(keys))}


def set_heartbeat_expiry(changes: TransactWrite, key: str, expires_at: datetime | None) -> None:
    """Add to a transaction when the item of an instance expires.

    :param expires_at: None: it does not expire, because the instance exists
    """
    expiry = HeartbeatModel.expires_at
    changes.update(HeartbeatModel(key), actions=[expiry.set(expires_at) if expires_at else expiry.remove()])


def _to_heartbeat_item(item: HeartbeatModel) -> HeartbeatItem:
    return HeartbeatItem(decode_heartbeat(item.heartbeat), _decode_response(item.response) if item.response else None)


def _decode_response(text: str) -> HeartbeatResponse | None:
    try:
        return decode_response(text)
    except (KeyError, TypeError, ValueError):
        return None
