"""Heartbeats: written by the instances, read by the desk."""

from collections.abc import Iterable, Mapping
from typing import Any

from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.domain.activity.heartbeat import Heartbeat, Unreadable, heartbeat_from
from chalicelib.store.models import HeartbeatModel

Report = Heartbeat | Unreadable | None


class Heartbeats:
    """The heartbeats table."""

    def open(self, key: str) -> None:
        """Make the item that the instance may then update; an item that is there stays as it is."""
        try:
            HeartbeatModel(key).save(condition=HeartbeatModel.id.does_not_exist())
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise

    def read(self, key: str) -> Report:
        """One heartbeat, read consistently."""
        try:
            return heartbeat_from(_raw(HeartbeatModel.get(key, consistent_read=True)))
        except DoesNotExist:
            return None

    def read_many(self, keys: Iterable[str]) -> Mapping[str, Report]:
        """Many at once, a hundred a call; what is missing is left out."""
        return {found.id: heartbeat_from(_raw(found)) for found in HeartbeatModel.batch_get(list(keys))}


def _raw(model: HeartbeatModel) -> dict[str, Any]:
    return {name: value for name, value in model.attribute_values.items() if value is not None}
