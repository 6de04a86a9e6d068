"""Transactions that remember only what they touch.

To be able to roll back, moto copies every table of a transaction whole and deep, once for each of its writes. That is
most of the time of a desk that writes nothing but transactions. Here the copy shares every item that the transaction
does not touch, and the stream's records, which never change.
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
"""By table, the partition keys of the items that a transaction writes."""


class Transactions:
    """At most one runs at a time: its callers hold the data lock."""

    def __init__(self) -> None:
        self._touched: TouchedKeys | None = None

    def patch(self, patches: Patches) -> None:
        patches.wrap(DynamoDBBackend, "transact_write_items", self._note_keys)
        patches.add(Table, "__deepcopy__", self._copier())
        patches.add(StreamShard, "__deepcopy__", _copy_shard)

    def _note_keys(self, original: Callable[..., None]) -> Callable[..., None]:
        def transact_write_items(backend: Any, transact_items: list[dict[str, Any]]) -> None:
            self._touched = _touched_keys(backend.tables, transact_items)
            try:
                original(backend, transact_items)
            finally:
                self._touched = None

        return transact_write_items

    def _copier(self) -> Callable[[Any, dict[int, Any]], Any]:
        def deepcopy(table: Any, memo: dict[int, Any]) -> Any:
            clone = copy.copy(table)
            memo[id(table)] = clone
            if self._touched is None:
                vars(clone).update(copy.deepcopy(vars(table), memo))
                return clone
            clone.items = _partly_copied(table.items, self._touched.get(table.name, ()), memo)
            clone.stream_shard = copy.deepcopy(table.stream_shard, memo)
            return clone

        return deepcopy


def _partly_copied(
    items: Mapping[DynamoType, Any], touched: Iterable[DynamoType], memo: dict[int, Any]
) -> dict[DynamoType, Any]:
    """Partitions that no write touches are shared; the touched ones are copied with all that is in them."""
    copied = defaultdict(dict, items)
    for key in touched:
        if key in items:
            copied[key] = copy.deepcopy(items[key], memo)
    return copied


def _touched_keys(tables: Mapping[str, Any], transact_items: list[dict[str, Any]]) -> TouchedKeys:
    """What is malformed is left for moto to refuse."""
    touched: defaultdict[str, set[DynamoType]] = defaultdict(set)
    for operation in (each for item in transact_items for each in item.values()):
        table = tables.get(operation.get("TableName"))
        written = operation.get("Key") or operation.get("Item") or {}
        if table is not None and table.hash_key_attr in written:
            touched[table.name].add(DynamoType(written[table.hash_key_attr]))
    return touched


def _copy_shard(shard: Any, memo: dict[int, Any]) -> Any:
    clone = copy.copy(shard)
    memo[id(shard)] = clone
    clone.items = list(shard.items)
    clone.table = copy.deepcopy(shard.table, memo)
    return clone
