"""Triggers of the Lambda functions: DynamoDB streams, EventBridge and the schedule.

As on AWS, events are delivered at least once and in any order. Tests deliver by hand; `make run` delivers in the
background.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from local.aws.core.events import Event, EventOrigin, build_scheduled_event
from local.aws.core.local_cloud import LocalCloud
from local.aws.dynamodb.streams import Record, read_records_since

logger = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], Any]
StreamImage = Mapping[str, Any]
"""A table's item in DynamoDB's JSON."""

StreamFilter = Callable[[StreamImage | None, StreamImage | None], bool]
"""Function that returns whether a stream record is delivered, from the old and the new item."""

MINUTE = timedelta(minutes=1)
BATCH_SIZE = 100
SCHEDULE_RULE = "each-minute"
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, kw_only=True)
class EventHandlers:
    """The Lambda functions.

    :param on_stream: receives batches of at most 100 records of one table
    :param on_event: receives status changes of instances and commands in all regions
    :param on_schedule: receives a Scheduled Event for each minute of the cloud's clock, but only one after a jump of
        the clock, because EventBridge does not repeat missed events
    """

    on_stream: Handler
    on_event: Handler
    on_schedule: Handler


@dataclass
class DeliveryFaults:
    """Failures of the delivery, which tests switch on.

    :param drop_streams: no stream record is delivered
    :param deliver_twice: each event is delivered twice
    :param shuffle: generator that shuffles the events that are due at the same time; None keeps their order
    """

    drop_streams: bool = False
    deliver_twice: bool = False
    shuffle: random.Random | None = None


class Delivery:
    """Delivery of what has happened since this object was created, by calls of the handlers.

    :param tables: tables in `region` whose streams are delivered
    :param stream_filter: filter criteria of the stream; None delivers all records
    :ivar may_read: returns whether new records may be read. It is only asked if there are any, and those of a refused
        reading stay in the stream.
    """

    def __init__(
        self,
        cloud: LocalCloud,
        handlers: EventHandlers,
        tables: Sequence[str],
        *,
        stream_filter: StreamFilter | None = None,
        region: str = DEFAULT_REGION,
    ) -> None:
        """Remember the present end of each stream and of the event log."""
        self.faults = DeliveryFaults()
        self.may_read: Callable[[], bool] = _read_everything
        self._cloud = cloud
        self._handlers = handlers
        self._stream_filter = stream_filter
        self._region = region
        self._stream_positions = {table: len(self._read_records(table, 0)) for table in tables}
        self._log_position = len(cloud.log.read_since(0))
        self._last_minute = _truncate_to_minute(cloud.clock.now())
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def deliver_due(self) -> int:
        """Deliver everything that is due now; events caused by the handlers are due next time.

        :returns: number of delivered events
        """
        self._cloud.tick()
        due = [*self._take_stream_events(), *self._take_cloud_events(), *self._take_scheduled_events()]
        if self.faults.deliver_twice:
            due = [pair for pair in due for _ in range(2)]
        if self.faults.shuffle is not None:
            self.faults.shuffle.shuffle(due)
        for handler, event in due:
            self._deliver(handler, event)
        return len(due)

    def deliver_all(self, max_events: int = 100) -> int:
        """Deliver until nothing is due.

        :returns: number of delivered events
        :raises RuntimeError: more than `max_events` were delivered, so the handlers cause events without end
        """
        delivered = 0
        while count := self.deliver_due():
            delivered += count
            if delivered > max_events:
                raise RuntimeError(f"{delivered} events were delivered. The handlers cause new events without end.")
        return delivered

    def start(self, interval_seconds: float = 0.05) -> None:
        """Deliver in the background, with a pause of `interval_seconds` real seconds between deliveries."""
        self._is_stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(interval_seconds,), name="delivery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the background delivery and wait for the running handler."""
        self._is_stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, interval_seconds: float) -> None:
        while not self._is_stopping.wait(interval_seconds):
            try:
                self.deliver_due()
            except Exception:
                logger.exception("A delivery failed. The next one follows.")

    def _deliver(self, handler: Handler, event: Event) -> None:
        try:
            handler(dict(event))
        except Exception:
            logger.exception("A handler failed on %s.", event.get("detail-type", "stream records"))

    def _read_records(self, table: str, position: int) -> list[Record]:
        with self._cloud.data_lock:
            return read_records_since(DEFAULT_ACCOUNT_ID, self._region, table, position)

    def _take_stream_events(self) -> Iterator[tuple[Handler, Event]]:
        for table, position in self._stream_positions.items():
            records = self._read_records(table, position)
            if not records or not self.may_read():
                continue
            self._stream_positions[table] = position + len(records)
            if self.faults.drop_streams:
                continue
            passing = [record for record in records if self._passes_filter(record)]
            for start in range(0, len(passing), BATCH_SIZE):
                yield self._handlers.on_stream, {"Records": passing[start : start + BATCH_SIZE]}

    def _passes_filter(self, record: Record) -> bool:
        change = record["dynamodb"]
        return self._stream_filter is None or self._stream_filter(change.get("OldImage"), change.get("NewImage"))

    def _take_cloud_events(self) -> Iterator[tuple[Handler, Event]]:
        events = self._cloud.log.read_since(self._log_position)
        self._log_position += len(events)
        for event in events:
            yield self._handlers.on_event, event

    def _take_scheduled_events(self) -> Iterator[tuple[Handler, Event]]:
        minute = _truncate_to_minute(self._cloud.clock.now())
        if minute > self._last_minute:
            self._last_minute = minute
            origin = EventOrigin(minute, DEFAULT_ACCOUNT_ID, self._region)
            yield self._handlers.on_schedule, build_scheduled_event(origin, SCHEDULE_RULE)


def _read_everything() -> bool:
    """Let every reading take its records."""
    return True


def _truncate_to_minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
