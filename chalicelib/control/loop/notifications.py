"""Send pending notifications, with retries and a delivery log, and record delivered stop warnings in instances."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.aws.email import EmailTopic
from chalicelib.channels.webhook import WebhookSender
from chalicelib.control.channel_directory import load_channel_directory
from chalicelib.control.loop.deliveries import DeliveryRound, PendingDelivery, order_fairly
from chalicelib.control.loop.email_confirmations import EmailConfirmations, EmailStates
from chalicelib.control.loop.function_budget import start_function_budget
from chalicelib.control.loop.lease import hold_lease
from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import DeliveryFailed, NotificationOutdated
from chalicelib.domain.common.time_budget import TimeBudget
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.instances.lifecycle import stop_warnings
from chalicelib.domain.notifications import messages
from chalicelib.domain.notifications.email_subscription import EmailState
from chalicelib.domain.notifications.notification import ChannelType, Notification, record_attempt
from chalicelib.domain.notifications.outdated import find_outdated_reason, requires_instance
from chalicelib.store.conflicts import VersionConflict, retry_on_conflict
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)

LEASE_NAME = "notifications"

MAX_PER_ROUND = 100
"""Deliveries in one round; the others follow in the next."""

MAX_READ = 1000
"""Due notifications that are read for a round. Many more than are delivered, so that the receivers can take turns."""


@dataclass(frozen=True)
class NotificationSender:
    """Sends the notifications that are due, and subscribes new e-mail addresses.

    :param get_webhook_secret: returns the secret of a webhook, given its owner and the number of its key
    :param monotonic: returns real time in seconds
    """

    stores: Repositories
    email: EmailTopic
    webhook: WebhookSender
    get_webhook_secret: Callable[[str, int], str]
    clock: Clock
    monotonic: Callable[[], float] = time.monotonic

    def run(self, seconds_left: float | None = None) -> int:
        """Run one round over the due notifications.

        :param seconds_left: the time until Lambda ends the function; None: the function's timeout
        :returns: the number of successful deliveries
        """
        budget, now = start_function_budget(seconds_left, self.monotonic), self.clock.now()
        directory = load_channel_directory(self.stores.desk.get_settings(), self.stores.owners)
        email_states = EmailStates(self.email)
        successes = self._deliver_due(directory, email_states, now, budget)
        EmailConfirmations(self.stores, self.email, email_states, self.clock, budget).run(directory)
        return successes

    def _deliver_due(
        self, directory: ChannelDirectory, email_states: EmailStates, now: datetime, budget: TimeBudget
    ) -> int:
        if not self._list_due(now, 1):
            return 0
        with hold_lease(self.stores.desk, LEASE_NAME, self.clock, budget.seconds_left) as lease:
            if lease is None:
                LOG.info("another round of deliveries is running")
                return 0
            deliveries = order_fairly(self._list_due(now, MAX_READ))[:MAX_PER_ROUND]
            successes = self._deliver(
                deliveries, lambda delivery: self._send(delivery, directory, email_states), budget
            )
            lease.is_complete = True
        return successes

    def _list_due(self, now: datetime, limit: int) -> list[PendingDelivery]:
        due = self.stores.notifications.list_due(now, limit)
        return [PendingDelivery(item, channel) for item in due for channel in item.find_due_channels(now)]

    def _deliver(
        self, deliveries: list[PendingDelivery], send: Callable[[PendingDelivery], str], budget: TimeBudget
    ) -> int:
        """Deliver, and record each result at once, so that a timeout of the function loses no result.

        A result that cannot be recorded is delivered again; the others are recorded nevertheless.
        """
        now = self.clock.now()
        delivery_round = DeliveryRound(send, budget)
        latest: dict[str, Notification] = {}
        successes = 0
        for result in delivery_round.deliver(deliveries):
            delivery, succeeded = result.delivery, result.succeeded
            notification = latest.get(delivery.notification.id, delivery.notification)
            if result.is_outdated:
                notification = replace(notification, expires_at=now)
            after = record_attempt(notification, delivery.channel, succeeded=succeeded, detail=result.detail, now=now)
            latest[notification.id] = after
            successes += succeeded
            try:
                self.stores.notifications.save(after)
                if succeeded:
                    self._record_warning_delivery(delivery, now)
            except Exception:
                LOG.exception("the delivery of %s by %s could not be recorded", notification.id, delivery.channel)
        return successes

    def _send(self, delivery: PendingDelivery, directory: ChannelDirectory, email_states: EmailStates) -> str:
        """Send a notification on one channel.

        :returns: what the channel answered
        :raises NotificationOutdated: it is no longer true, so no further attempt is made
        :raises DeliveryFailed: it was not sent
        """
        notification = delivery.notification
        if requires_instance(notification):
            outdated_reason = find_outdated_reason(notification, self.stores.instances.load(notification.instance_id))
            if outdated_reason:
                raise NotificationOutdated(outdated_reason)
        recipient = directory.get_recipient(delivery.channel.audience, notification.owner)
        channels = recipient.channels
        if delivery.channel.channel_type is ChannelType.EMAIL and channels.email:
            subject, body = messages.format_email_subject(notification), messages.format_email_body(notification)
            return self.email.send(channels.email, _find_email_state(channels.email, email_states), subject, body)
        if delivery.channel.channel_type is ChannelType.WEBHOOK and channels.webhook:
            secret = self.get_webhook_secret(recipient.name, channels.webhook_generation)
            return self.webhook.post(
                channels.webhook, secret, notification.id, messages.format_webhook_payload(notification)
            )
        raise DeliveryFailed("The channel was removed from the settings.")

    def _record_warning_delivery(self, delivery: PendingDelivery, now: datetime) -> None:
        """Record in the instance that its stop warning was delivered. The stop waits for this record."""
        notification, warning_id = delivery.notification, delivery.notification.warning_id
        if warning_id is None:
            return

        def record() -> None:
            instance = self.stores.instances.load(notification.instance_id)
            channel_type = delivery.channel.channel_type
            plan = stop_warnings.record_delivery(instance, warning_id, channel_type, now) if instance else None
            if instance and plan:
                self.stores.instances.write(RecordWrite(before=instance, after=plan.instance, entries=plan.timeline))

        try:
            retry_on_conflict(record)
        except VersionConflict as conflict:
            LOG.warning("the delivery of %s is not recorded: %s", notification.id, conflict)


def _find_email_state(address: str, states: EmailStates) -> EmailState | None:
    """Return what SNS shows of an address.

    :raises DeliveryFailed: SNS rejected the call or did not respond
    """
    try:
        return states.list_all().get(address)
    except AwsError as error:
        raise DeliveryFailed(f"SNS did not say whether {address} is confirmed: {error.description}") from error
