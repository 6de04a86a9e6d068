"""DynamoDB streams: what moto's records lack, and reading them as an event source mapping does."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamShard, Table

from local.aws.core.patches import Patches

Record = Mapping[str, Any]


class Streams:
    """Stamps records with their table's ARN and region and the cloud's time.

    :param now: the cloud's time
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def patch(self, patches: Patches) -> None:
        patches.wrap(StreamShard, "add", self._stamp)

    def _stamp(self, original: Callable[..., None]) -> Callable[..., None]:
        def add(shard: Any, old: Any, new: Any) -> None:
            original(shard, old, new)
            if shard.items:
                record = shard.items[-1].record
                record["awsRegion"] = shard.table.region_name
                record["eventSourceARN"] = stream_arn(shard.table)
                record["dynamodb"]["ApproximateCreationDateTime"] = self._now()

        return add


def stream_arn(table: Table) -> str:
    return f"{table.table_arn}/stream/{table.latest_stream_label}"


def read_records_since(account: str, region: str, table_name: str, position: int) -> list[Record]:
    """A table's records after the first `position` ones, as Lambda gets them; its callers hold the data lock.

    A table that does not exist yet or has no stream has no records.
    """
    table = dynamodb_backends[account][region].tables.get(table_name)
    if table is None or table.stream_shard is None:
        return []
    return [_as_lambda_gets_it(item.record) for item in table.stream_shard.items[position:]]


def _as_lambda_gets_it(record: Mapping[str, Any]) -> Record:
    return json.loads(json.dumps(record, default=_seconds))  # type: ignore[no-any-return]


def _seconds(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"a stream record holds a {type(value)}")
