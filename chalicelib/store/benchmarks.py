"""The benchmarks table. A benchmark is written in the transaction that ends its run (`instances/items.py`)."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from pynamodb.attributes import TTLAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.domain.benchmarks.result import Benchmark
from chalicelib.domain.common.deadlines import BENCHMARK_RETENTION
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import read_or_log
from chalicelib.store.stored_type import StoredType

BENCHMARK = StoredType(Benchmark)

PARTITION = "benchmarks"
"""The only hash key: a team runs some hundred benchmarks a year, and a comparison reads all of them."""


class BenchmarkModel(TableModel):
    """A validated benchmark. `sort_key` is the instance type, the time and the id of the run."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "benchmarks"

    partition = UnicodeAttribute(hash_key=True)
    sort_key = UnicodeAttribute(range_key=True)
    benchmark = UnicodeAttribute()
    expires_at = TTLAttribute(null=True)


class BenchmarkRepository:
    """The benchmarks table, for reading."""

    def list_retained(self, instance_type: str | None, now: datetime) -> Iterator[Benchmark]:
        """Yield the benchmarks of one instance type, or all, without expired and unreadable ones."""
        condition = BenchmarkModel.sort_key.startswith(f"{instance_type}#") if instance_type else None
        for item in BenchmarkModel.query(PARTITION, condition):
            benchmark = read_or_log(f"benchmark {item.sort_key}", partial(_to_benchmark, item))
            if benchmark and benchmark.measured_at + BENCHMARK_RETENTION > now:
                yield benchmark


def add_benchmark(changes: TransactWrite, benchmark: Benchmark) -> None:
    """Add a benchmark to the transaction that ends its run."""
    key = f"{benchmark.instance_type}#{benchmark.measured_at.isoformat()}#{benchmark.id}"
    changes.save(
        BenchmarkModel(
            PARTITION,
            key,
            benchmark=BENCHMARK.encode(benchmark),
            expires_at=benchmark.measured_at + BENCHMARK_RETENTION,
        )
    )


def _to_benchmark(item: BenchmarkModel) -> Benchmark:
    return BENCHMARK.decode(item.benchmark)
