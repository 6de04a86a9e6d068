"""Send notifications on their channels, many at once, and record each result as soon as it is known."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from chalicelib.domain.common.errors import DeliveryFailed, NotificationOutdated
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.notifications.notification import DeliveryChannel, Notification

LOG = logging.getLogger(__name__)

MAX_WORKERS = 8
"""Parallel deliveries. A slow receiver occupies one of them until its timeout; the others continue."""


@dataclass(frozen=True)
class PendingDelivery:
    """A notification to deliver on one channel."""

    notification: Notification
    channel: DeliveryChannel

    @property
    def receiver(self) -> tuple[str, str]:
        """Return owner and channel, which identify the receiver in a round."""
        return self.notification.owner, self.channel


def order_fairly(deliveries: Iterable[PendingDelivery]) -> list[PendingDelivery]:
    """Return the deliveries so that the receivers take turns, stop warnings first: a stop waits for its warning.

    A receiver with many notifications, for example one that does not respond, delays no other one.
    """
    counts: Counter[tuple[bool, tuple[str, str]]] = Counter()
    turns = []
    for delivery in deliveries:
        kind = delivery.notification.warning_id is None, delivery.receiver
        turns.append((kind[0], counts[kind], delivery))
        counts[kind] += 1
    return [delivery for _, _, delivery in sorted(turns, key=lambda turn: turn[:2])]


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one attempt to deliver.

    :param detail: what the channel answered
    :param is_outdated: the notification was not sent, because it is no longer true
    """

    delivery: PendingDelivery
    succeeded: bool
    detail: str
    is_outdated: bool = False


@dataclass
class DeliveryRound:
    """One round of deliveries. After a failure, the receiver is not tried again in this round.

    :param send: delivers, and returns what the channel answered
    :param budget: no delivery begins when it is spent
    :ivar failed_receivers: the receivers of failed deliveries
    """

    send: Callable[[PendingDelivery], str]
    budget: TimeBudget
    failed_receivers: set[tuple[str, str]] = field(default_factory=set)

    def deliver(self, deliveries: Iterable[PendingDelivery]) -> Iterator[DeliveryResult]:
        """Yield the results in the order in which they become known. A delivery that was not tried has none."""
        with ThreadPoolExecutor(MAX_WORKERS) as threads:
            futures = [threads.submit(self._attempt, delivery) for delivery in deliveries]
            for future in as_completed(futures):
                result = future.result()
                if result:
                    yield result

    def _attempt(self, delivery: PendingDelivery) -> DeliveryResult | None:
        """Attempt one delivery. After a failure, only the deliveries to the same receiver wait for the next round.

        :returns: None if it was not tried
        """
        if self.budget.is_spent or delivery.receiver in self.failed_receivers:
            return None
        notification_id = delivery.notification.id
        try:
            return DeliveryResult(delivery, True, self.send(delivery))
        except NotificationOutdated as error:
            return DeliveryResult(delivery, False, str(error), is_outdated=True)
        except DeliveryFailed as error:
            LOG.warning("%s could not be delivered by %s: %s", notification_id, delivery.channel, error)
            detail = str(error)
        except Exception as error:
            LOG.exception("%s could not be delivered by %s", notification_id, delivery.channel)
            detail = f"{type(error).__name__}: {error}"
        self.failed_receivers.add(delivery.receiver)
        return DeliveryResult(delivery, False, detail)
