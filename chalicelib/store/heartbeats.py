"""The heartbeats table: instances write their heartbeats, gpudesk writes its response into the same item."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import Attribute, MapAttribute, UnicodeAttribute

from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, decode_response, encode_response
from chalicelib.store.connections import TableModel
from chalicelib.store.dynamo import PREFIX, TableMeta, find_item, save_if, update_if


class UncheckedAttribute(Attribute[Any]):
    """An attribute that an instance writes. Reading it succeeds, whatever its type."""

    attr_type = "M"

    def get_value(self, value: dict[str, Any]) -> Any:
        """Return DynamoDB's typed value unchanged."""
        return value

    def serialize(self, value: Any) -> Any:
        """Refuse to write.

        :raises NotImplementedError: always
        """
        raise NotImplementedError("Only the instances write this attribute.")

    def deserialize(self, value: dict[str, Any]) -> Any:
        """Return the plain value of a typed value; None for types that no heartbeat uses."""
        kind, content = next(iter(value.items()))
        match kind:
            case "S" | "BOOL":
                return content
            case "N":
                return json.loads(content)
            case "M":
                return {name: self.deserialize(item) for name, item in content.items()}
            case "L":
                return [self.deserialize(item) for item in content]
            case _:
                return None


class HeartbeatModel(TableModel):
    """An instance's heartbeat. Its role may update this one item, but not `response`, which gpudesk writes."""

    class Meta(TableMeta):
        """The name of the table."""

        table_name = f"{PREFIX}-heartbeats"

    id = UnicodeAttribute(hash_key=True)
    at = UncheckedAttribute(null=True)
    boot_id = UncheckedAttribute(null=True)
    instance_id = UncheckedAttribute(null=True)
    probe = UncheckedAttribute(null=True)
    signals = UncheckedAttribute(null=True)
    live_counts = UncheckedAttribute(null=True)
    acknowledged = UncheckedAttribute(null=True)
    keep_request = UncheckedAttribute(null=True)
    missed_heartbeats = UncheckedAttribute(null=True)
    self_stop = UncheckedAttribute(null=True)
    setup = UncheckedAttribute(null=True)
    response: MapAttribute[str, Any] = MapAttribute(null=True)


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


def _to_heartbeat_item(item: HeartbeatModel) -> HeartbeatItem:
    raw = {name: value for name, value in item.attribute_values.items() if value is not None}
    response = raw.pop("response", None)
    return HeartbeatItem(decode_heartbeat(raw), _decode_response(response) if response is not None else None)


def _decode_response(raw: Any) -> HeartbeatResponse | None:
    try:
        return decode_response(raw.as_dict())
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
