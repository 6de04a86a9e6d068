"""DynamoDB streams: the fields that moto's records lack, and a reader like Lambda's event source mapping."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard, Table

from local.aws.core.patches import Patches

Record = Mapping[str, Any]


class Streams:
    """Extension that adds the stream's ARN, the region and the cloud's time to stream records.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Create the extension."""
        self._now = now

    def patch(self, patches: Patches) -> None:
        """Extend the writing of stream records."""
        patches.wrap(StreamShard, "add", self._complete_records)

    def _complete_records(self, original: Callable[..., None]) -> Callable[..., None]:
        def add(shard: Any, old: Any, new: Any) -> None:
            original(shard, old, new)
            if shard.items:
                record = shard.items[-1].record
                record["awsRegion"] = shard.table.region_name
                record["eventSourceARN"] = build_stream_arn(shard.table)
                record["dynamodb"]["ApproximateCreationDateTime"] = self._now()

        return add


def build_stream_arn(table: Table) -> str:
    """Return the ARN of a table's stream."""
    return f"{table.table_arn}/stream/{table.latest_stream_label}"


def read_records_since(account: str, region: str, table_name: str, position: int) -> list[Record]:
    """Return a table's stream records after the first `position` ones, in the form that Lambda receives.

    Callers hold the data lock. A table that does not exist or has no stream has no records.
    """
    table = dynamodb_backends[account][region].tables.get(table_name)
    if table is None or table.stream_shard is None:
        return []
    return [_convert_record(item.record) for item in table.stream_shard.items[position:]]


def _convert_record(record: Mapping[str, Any]) -> Record:
    return json.loads(json.dumps(record, default=_to_seconds))  # type: ignore[no-any-return]


def _to_seconds(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"A stream record contains a {type(value)}.")
