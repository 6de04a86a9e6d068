"""Transactions that copy only the items that they write.

For a possible rollback, moto makes a deep copy of every table of a transaction, once for each of its writes. gpudesk
writes nearly everything in transactions, so these copies took most of the time of the tests. Here the copy shares with
the table every item that the transaction does not write, and all stream records, because they never change.
"""

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import StreamShard, Table

from local.aws.core.patches import Patches

TouchedKeys = Mapping[str, set[DynamoType]]
"""Partition keys of the items that a transaction writes, by table."""


class Transactions:
    """Extension of TransactWriteItems. Callers hold the data lock, so at most one transaction runs at a time."""

    def __init__(self) -> None:
        """Start outside a transaction."""
        self._touched: TouchedKeys | None = None

    def patch(self, patches: Patches) -> None:
        """Replace the deep copies of tables and of streams."""
        patches.wrap(DynamoDBBackend, "transact_write_items", self._track_keys)
        patches.add(Table, "__deepcopy__", self._build_deepcopy())
        patches.add(StreamShard, "__deepcopy__", _copy_shard)

    def _track_keys(self, original: Callable[..., None]) -> Callable[..., None]:
        def transact_write_items(backend: Any, transact_items: list[dict[str, Any]]) -> None:
            self._touched = _find_touched_keys(backend.tables, transact_items)
            try:
                original(backend, transact_items)
            finally:
                self._touched = None

        return transact_write_items

    def _build_deepcopy(self) -> Callable[[Any, dict[int, Any]], Any]:
        def deepcopy(table: Any, memo: dict[int, Any]) -> Any:
            copied_table = copy.copy(table)
            memo[id(table)] = copied_table
            if self._touched is None:
                vars(copied_table).update(copy.deepcopy(vars(table), memo))
                return copied_table
            copied_table.items = _copy_touched_items(table.items, self._touched.get(table.name, ()), memo)
            copied_table.stream_shard = copy.deepcopy(table.stream_shard, memo)
            return copied_table

        return deepcopy


def _copy_touched_items(
    items: Mapping[DynamoType, Any], touched: Iterable[DynamoType], memo: dict[int, Any]
) -> dict[DynamoType, Any]:
    """Return the items by partition. Partitions without a write are shared; the others are copied completely."""
    copied = defaultdict(dict, items)
    for key in touched:
        if key in items:
            copied[key] = copy.deepcopy(items[key], memo)
    return copied


def _find_touched_keys(tables: Mapping[str, Any], transact_items: list[dict[str, Any]]) -> TouchedKeys:
    """Return the keys that a transaction writes. Malformed operations are skipped, because moto rejects them."""
    touched: defaultdict[str, set[DynamoType]] = defaultdict(set)
    for operation in (entry for item in transact_items for entry in item.values()):
        table = tables.get(operation.get("TableName"))
        written = operation.get("Key") or operation.get("Item") or {}
        if table is not None and table.hash_key_attr in written:
            touched[table.name].add(DynamoType(written[table.hash_key_attr]))
    return touched


def _copy_shard(shard: Any, memo: dict[int, Any]) -> Any:
    copied_shard = copy.copy(shard)
    memo[id(shard)] = copied_shard
    copied_shard.items = list(shard.items)
    copied_shard.table = copy.deepcopy(shard.table, memo)
    return copied_shard
