"""Delivery of records to the function of an event source mapping: batches, retries, bisection, and greatest age.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.deployed.errors import FunctionFailed
from local.deployed.stream import StreamMapping

logger = logging.getLogger(__name__)

Record = Mapping[str, Any]


@dataclass(frozen=True)
class StreamDelivery:
    """Delivery for one mapping.

    :param invoke: runs the function
    :param now: returns the cloud's time
    """

    mapping: StreamMapping
    invoke: Callable[[Mapping[str, Any]], Any]
    now: Callable[[], datetime]

    def deliver(self, records: Sequence[Record]) -> list[Record]:
        """Invoke the function with each batch, and again with the records that failed.

        :returns: the records that were given up
        """
        size = self.mapping.batch_size
        given_up: list[Record] = []
        for start in range(0, len(records), size):
            given_up += self._deliver(records[start : start + size], self.mapping.max_retries)
        return given_up

    def _deliver(self, batch: Sequence[Record], retries: int) -> list[Record]:
        """Deliver a batch, or two halves of it if it fails as a whole: a bisection is no retry."""
        bisects = False
        try:
            answer = self.invoke({"Records": list(batch)})
        except FunctionFailed:
            logger.exception("%d records of %s failed.", len(batch), self.mapping.table)
            failed, bisects = list(batch), self.mapping.bisects
        else:
            failed = _find_failed(self.mapping, batch, answer)
        too_old, rest = self._divide_by_age(failed)
        if bisects and len(rest) > 1:
            middle = len(rest) // 2
            return [*too_old, *self._deliver(rest[:middle], retries), *self._deliver(rest[middle:], retries)]
        if rest and retries > 0:
            return [*too_old, *self._deliver(rest, retries - 1)]
        return failed

    def _divide_by_age(self, records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
        """Return the records that are too old to be tried again, and all others."""
        if self.mapping.max_age is None:
            return [], list(records)
        oldest = (self.now() - self.mapping.max_age).timestamp()
        too_old = [record for record in records if record["dynamodb"]["ApproximateCreationDateTime"] < oldest]
        return too_old, [record for record in records if record not in too_old]


def _find_failed(mapping: StreamMapping, batch: Sequence[Record], answer: Any) -> list[Record]:
    """Return all records from the first one on that the function names."""
    failures = (answer or {}).get("batchItemFailures", ()) if mapping.has_partial_failures else ()
    named = {failure["itemIdentifier"] for failure in failures}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    first = min((numbers.index(number) for number in named if number in numbers), default=None)
    return [] if first is None else list(batch[first:])
