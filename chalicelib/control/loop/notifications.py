"""The post: what is to be told is delivered, tried again, and logged. A warning that arrived is noted in its record."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from chalicelib.aws.email import EmailTopic
from chalicelib.channels.webhook import WebhookSender
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import DeliveryFailed
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.instances.lifecycle import machine_messages
from chalicelib.domain.notifications import messages
from chalicelib.domain.notifications.notification import Notification, record_attempt, webhook_welcomes
from chalicelib.store.desk import DeskRepository
from chalicelib.store.dynamo import VersionConflict, retry_on_conflict
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.notifications import NotificationOutbox

LOG = logging.getLogger(__name__)

MAX_PER_ROUND = 32
"""Notices in one round; the rest follows in the next."""

MAX_WORKERS = 8
"""So that a receiver that hangs holds up few others, and those only until its own limit."""

ROUND_BUDGET_SECONDS = 20.0
"""Nothing is begun after that, in real time: the function that delivers has a minute, and the sweep its share of it."""


@dataclass(frozen=True)
class PendingDelivery:
    """One notice on one channel."""

    notice: Notification
    channel: str


@dataclass(frozen=True)
class DeliveryResult:
    """What became of a parcel.

    :param detail: what the channel said
    """

    succeeded: bool
    detail: str


@dataclass(frozen=True)
class NotificationSender:
    """Delivers what is due.

    :param secret: of a webhook, by whose it is and the number of its key
    :param seconds: real time, monotonic
    """

    notices: NotificationOutbox
    instances: InstanceRepository
    desk: DeskRepository
    mail: EmailTopic
    webhook: WebhookSender
    secret: Callable[[str, int], str]
    clock: Clock
    seconds: Callable[[], float] = time.monotonic

    def send_due(self, directory: ChannelDirectory) -> int:
        """One round over what is due, warnings first: a stop waits for them, and an address that fails is left alone.

        :returns: how many channels took something
        """
        now = self.clock.now()
        self._invite(directory)
        self._welcome_new_webhooks(directory, now)
        parcels = [
            PendingDelivery(each, channel)
            for each in self.notices.list_due(now, MAX_PER_ROUND)
            for channel in each.due(now)
        ]
        warnings_first = sorted(parcels, key=lambda parcel: parcel.notice.warning_id is None)
        return self._round(warnings_first, directory, now) if parcels else 0

    def _round(self, parcels: Sequence[PendingDelivery], directory: ChannelDirectory, now: datetime) -> int:
        """What became of each is written down as soon as it is known: a round that is cut short loses nothing."""
        over_at, failed = self.seconds() + ROUND_BUDGET_SECONDS, set[tuple[str, str]]()
        latest: dict[str, Notification] = {}
        taken = 0
        with ThreadPoolExecutor(min(MAX_WORKERS, len(parcels))) as threads:
            carried = {threads.submit(self._carry, parcel, directory, over_at, failed): parcel for parcel in parcels}
            for future in as_completed(carried):
                parcel, outcome = carried[future], future.result()
                if outcome is None:
                    continue
                notice = latest.get(parcel.notice.id, parcel.notice)
                succeeded = outcome.succeeded
                latest[notice.id] = record_attempt(
                    notice, parcel.channel, succeeded=succeeded, detail=outcome.detail, now=now
                )
                self.notices.save(latest[notice.id])
                if succeeded:
                    self._record_delivery(notice, parcel.channel, now)
                taken += succeeded
        return taken

    def _carry(
        self, parcel: PendingDelivery, directory: ChannelDirectory, over_at: float, failed: set[tuple[str, str]]
    ) -> DeliveryResult | None:
        """What became of it. Whatever goes wrong with one is only that one's, and its address's until the next round.

        :param over_at: nothing is begun any more
        :param failed: who was not to be reached in this round, by which channel
        :returns: None: it was not tried, and is in the next round
        """
        address = (parcel.notice.owner, parcel.channel)
        if self.seconds() >= over_at or address in failed:
            return None
        try:
            return DeliveryResult(True, self._send(parcel.notice, parcel.channel, directory))
        except DeliveryFailed as error:
            LOG.warning("%s by %s: %s", parcel.notice.id, parcel.channel, error)
            detail = str(error)
        except Exception as error:
            LOG.exception("%s by %s", parcel.notice.id, parcel.channel)
            detail = f"{type(error).__name__}: {error}"
        failed.add(address)
        return DeliveryResult(False, detail)

    def _send(self, notice: Notification, channel: str, directory: ChannelDirectory) -> str:
        if notice.warning_id and not self._stands(notice):
            raise DeliveryFailed("the warning was withdrawn meanwhile")
        kind = channel.rpartition(".")[2]
        addressee = directory.recipient_for(notice.deliveries[channel].audience, notice.owner)
        channels = addressee.channels
        if kind == "email" and channels.email:
            return self.mail.send(channels.email, messages.email_subject(notice), messages.email_body(notice))
        if kind == "webhook" and channels.webhook:
            secret = self.secret(addressee.name, channels.webhook_generation)
            return self.webhook.post(channels.webhook, secret, notice.id, messages.webhook_payload(notice))
        raise DeliveryFailed("there is no such address any more")

    def _stands(self, notice: Notification) -> bool:
        instance = self.instances.load(notice.instance_id)
        return bool(instance and instance.warning and instance.warning.id == notice.warning_id)

    def _record_delivery(self, notice: Notification, channel: str, now: datetime) -> None:
        """In the record, which the stop waits for; one that has moved on is read again."""
        warning_id, kind = notice.warning_id, channel.rpartition(".")[2]
        if warning_id is None:
            return

        def record_once() -> None:
            instance = self.instances.load(notice.instance_id)
            plan = machine_messages.record_delivery(instance, warning_id, kind, now) if instance else None
            if instance and plan:
                self.instances.write(RecordWrite(before=instance, after=plan.instance, entries=plan.timeline))

        try:
            retry_on_conflict(record_once)
        except VersionConflict as conflict:
            LOG.warning("the delivery of %s is not recorded: %s", notice.id, conflict)

    def _welcome_new_webhooks(self, directory: ChannelDirectory, now: datetime) -> None:
        """Each new webhook gets a first message."""
        for name, notice in webhook_welcomes(directory, now).items():
            self._once(f"greeted#{name}", partial(self.notices.put_if_absent, notice))

    def _invite(self, directory: ChannelDirectory) -> None:
        """Each address is asked whether it wants our mail, once for each time that it was set."""
        for address, key in sorted(directory.email_addresses()):
            self._once(f"invited#{address}#{key}", partial(self.mail.subscribe, address))

    def _once(self, mark: str, do: Callable[[], object]) -> None:
        """What fails is tried again in the next round, and is nobody else's problem."""
        if self.desk.is_done_once(mark):
            return
        try:
            do()
        except Exception:
            LOG.exception("%s: not this time", mark)
        else:
            self.desk.mark_done(mark)
