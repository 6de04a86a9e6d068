"""What wakes a Lambda function: DynamoDB streams, EventBridge, the schedule. At least once, in any order.

Tests pump by hand; a server delivers in the background.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from local.aws.core.events import Event, schedule_due
from local.aws.core.local_cloud import LocalCloud
from local.aws.dynamodb.streams import Record, records_since

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], Any]
Image = Mapping[str, Any]
Filter = Callable[[Image | None, Image | None], bool]
"""From the old and the new image, in DynamoDB's JSON, to whether the function is to see the record."""

MINUTE = timedelta(minutes=1)
BATCH_SIZE = 100
RULE = "each-minute"


@dataclass
class DeliveryFaults:
    """What goes wrong on the way.

    :param drop_streams: no record of a stream arrives any more
    :param twice: everything arrives twice
    :param shuffle: what is due at the same time arrives in an order of this generator's
    """

    drop_streams: bool = False
    twice: bool = False
    shuffle: random.Random | None = None


class Delivery:
    """Gives the handlers what happened since the delivery was made.

    :param on_stream: gets batches of at most 100 records of one table
    :param on_event: gets state changes of instances and commands, of all regions
    :param on_schedule: gets a Scheduled Event each cloud minute; minutes that passed unnoticed are not made up for
    :param tables: tables with streams, in `region`
    :param wakes: which records pass, as filter criteria would say; all where None
    """

    def __init__(
        self,
        cloud: LocalCloud,
        on_stream: Handler,
        on_event: Handler,
        on_schedule: Handler,
        tables: Sequence[str],
        *,
        wakes: Filter | None = None,
        region: str = "us-east-1",
    ) -> None:
        self.faults = DeliveryFaults()
        self._cloud = cloud
        self._on_stream = on_stream
        self._on_event = on_event
        self._on_schedule = on_schedule
        self._wakes = wakes
        self._place = DEFAULT_ACCOUNT_ID, region
        self._read = {table: len(self._records(table, 0)) for table in tables}
        self._events_read = len(cloud.log.since(0))
        self._last_minute = _minute(cloud.clock.now())
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def pump(self) -> int:
        """Deliver all that is due now; what the handlers cause is due the next time.

        :return: how many events were delivered
        """
        self._cloud.tick()
        due = [*self._stream_events(), *self._cloud_events(), *self._schedule_events()]
        if self.faults.twice:
            due = [each for each in due for _ in range(2)]
        if self.faults.shuffle is not None:
            self.faults.shuffle.shuffle(due)
        for handler, event in due:
            self._deliver(handler, event)
        return len(due)

    def settle(self, limit: int = 100) -> int:
        """Pump until nothing is due any more.

        :return: how many events were delivered
        :raises RuntimeError: more than `limit` were: the handlers feed themselves
        """
        delivered = 0
        while count := self.pump():
            delivered += count
            if delivered > limit:
                raise RuntimeError(f"{delivered} events and still no rest: the handlers feed themselves")
        return delivered

    def start(self, every: float = 0.05) -> None:
        """Pump in the background, with `every` of the world's seconds between two looks."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._loop, args=(every,), name="delivery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Deliver nothing more; waits for the handler that runs."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _loop(self, every: float) -> None:
        while not self._stopping.wait(every):
            try:
                self.pump()
            except Exception:
                logger.exception("a look at what is due failed; the next one follows")

    def _deliver(self, handler: Handler, event: Event) -> None:
        try:
            handler(dict(event))
        except Exception:
            logger.exception("a handler failed on %s", event.get("detail-type", "a stream's records"))

    def _records(self, table: str, position: int) -> list[Record]:
        account, region = self._place
        with self._cloud.data_lock:
            return records_since(account, region, table, position)

    def _stream_events(self) -> Iterator[tuple[Handler, Event]]:
        for table, position in self._read.items():
            records = self._records(table, position)
            self._read[table] = position + len(records)
            if self.faults.drop_streams:
                continue
            passing = [record for record in records if self._passes(record)]
            for start in range(0, len(passing), BATCH_SIZE):
                yield self._on_stream, {"Records": passing[start : start + BATCH_SIZE]}

    def _passes(self, record: Record) -> bool:
        change = record["dynamodb"]
        return self._wakes is None or self._wakes(change.get("OldImage"), change.get("NewImage"))

    def _cloud_events(self) -> Iterator[tuple[Handler, Event]]:
        events = self._cloud.log.since(self._events_read)
        self._events_read += len(events)
        for event in events:
            yield self._on_event, event

    def _schedule_events(self) -> Iterator[tuple[Handler, Event]]:
        minute = _minute(self._cloud.clock.now())
        if minute > self._last_minute:
            self._last_minute = minute
            yield self._on_schedule, schedule_due(minute, *self._place, RULE)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
