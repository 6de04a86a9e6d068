"""Measurements, each written together with the end of the errand that it comes from (`instances.py`)."""

import logging
from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError
from pynamodb.transactions import TransactWrite

from chalicelib.domain.benchmarks.result import RETENTION, Benchmark
from chalicelib.store.codec import BENCHMARK, to_plain
from chalicelib.store.models import BenchmarkModel

LOG = logging.getLogger(__name__)

PARTITION = "benchmarks"
"""One partition: a team measures some hundred times a year, and comparing reads all of them."""


class BenchmarkRepository:
    """The benchmarks table."""

    def list_retained(self, instance_type: str | None, now: datetime) -> Iterator[Benchmark]:
        """All that are kept, or one type's. One that cannot be read does not hide the others."""
        condition = BenchmarkModel.sort_key.startswith(f"{instance_type}#") if instance_type else None
        for row in BenchmarkModel.query(PARTITION, condition):
            try:
                found = BENCHMARK.validate_python(row.benchmark.as_dict())
            except ValidationError as problem:
                LOG.error("benchmark %s cannot be read: %s", row.sort_key, str(problem)[:300])
                continue
            if found.measured_at + RETENTION > now:
                yield found


def add_benchmark(changes: TransactWrite, benchmark: Benchmark) -> None:
    """Write it in the transaction of the change that it comes with."""
    key = f"{benchmark.instance_type}#{benchmark.measured_at.isoformat()}#{benchmark.id}"
    changes.save(
        BenchmarkModel(
            PARTITION, key, benchmark=to_plain(BENCHMARK, benchmark), expires_at=benchmark.measured_at + RETENTION
        )
    )
