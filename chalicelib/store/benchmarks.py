"""Measurements, each written together with the end of the errand that it comes from (`instances.py`)."""

import logging
from collections.abc import Iterator
from datetime import datetime

from pydantic import ValidationError
from pynamodb.transactions import TransactWrite

from chalicelib.domain.benchmarks import KEPT, Benchmark
from chalicelib.store.codec import BENCHMARK, dumped
from chalicelib.store.models import BenchmarkModel

LOG = logging.getLogger(__name__)

ALL = "benchmarks"
"""One partition: a team measures some hundred times a year, and comparing reads all of them."""


class Benchmarks:
    """The benchmarks table."""

    def kept(self, instance_type: str | None, now: datetime) -> Iterator[Benchmark]:
        """All that are kept, or one type's. One that cannot be read does not hide the others."""
        condition = BenchmarkModel.sort_key.startswith(f"{instance_type}#") if instance_type else None
        for row in BenchmarkModel.query(ALL, condition):
            try:
                found = BENCHMARK.validate_python(row.benchmark.as_dict())
            except ValidationError as problem:
                LOG.error("benchmark %s cannot be read: %s", row.sort_key, str(problem)[:300])
                continue
            if found.measured_at + KEPT > now:
                yield found


def keep(changes: TransactWrite, benchmark: Benchmark) -> None:
    """Write it in the transaction of the change that it comes with."""
    key = f"{benchmark.instance_type}#{benchmark.measured_at.isoformat()}#{benchmark.id}"
    changes.save(
        BenchmarkModel(ALL, key, benchmark=dumped(BENCHMARK, benchmark), expires_at=benchmark.measured_at + KEPT)
    )
