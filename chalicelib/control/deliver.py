"""The post: what is to be told is delivered, tried again, and logged. A warning that arrived is noted in its record."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws.sns import Mail
from chalicelib.channels.webhook import Webhook
from chalicelib.domain import lifecycle, messages
from chalicelib.domain.clock import Clock
from chalicelib.domain.errors import CloudError, NotDelivered
from chalicelib.domain.notices import AddressBook, Notice, greetings, tried
from chalicelib.store.desk import DeskStore
from chalicelib.store.instances import Instances
from chalicelib.store.notices import Notices
from chalicelib.store.transactions import TRIES, Stale

LOG = logging.getLogger(__name__)

MOST = 32
"""Notices in one round; the rest follows in the next."""

AT_ONCE = 8
"""So that a receiver that hangs holds up nobody else."""


@dataclass(frozen=True)
class Parcel:
    """One notice on one channel."""

    notice: Notice
    channel: str


@dataclass(frozen=True)
class Postman:
    """Delivers what is due.

    :param secret: of a webhook, by whose it is and the number of its key
    """

    notices: Notices
    instances: Instances
    desk: DeskStore
    mail: Mail
    webhook: Webhook
    secret: Callable[[str, int], str]
    clock: Clock

    def deliver(self, book: AddressBook) -> int:
        """One round over what is due.

        :returns: how many channels took something
        """
        now = self.clock.now()
        self._invite(book)
        self._greet(book, now)
        parcels = [Parcel(each, channel) for each in self.notices.due(now, MOST) for channel in each.due(now)]
        if not parcels:
            return 0
        with ThreadPoolExecutor(min(AT_ONCE, len(parcels))) as threads:
            outcomes = list(threads.map(lambda parcel: self._carry(parcel, book), parcels))
        latest: dict[str, Notice] = {}
        for parcel, (succeeded, detail) in zip(parcels, outcomes, strict=True):
            notice = latest.get(parcel.notice.id, parcel.notice)
            latest[notice.id] = tried(notice, parcel.channel, succeeded=succeeded, detail=detail, now=now)
            self.notices.save(latest[notice.id])
            if succeeded:
                self._note(notice, parcel.channel, now)
        return sum(succeeded for succeeded, _ in outcomes)

    def _carry(self, parcel: Parcel, book: AddressBook) -> tuple[bool, str]:
        """Whether it was taken, and what was said. Whatever goes wrong with one is only that one's."""
        try:
            return True, self._send(parcel.notice, parcel.channel, book)
        except NotDelivered as error:
            LOG.warning("%s by %s: %s", parcel.notice.id, parcel.channel, error)
            return False, str(error)
        except Exception as error:
            LOG.exception("%s by %s", parcel.notice.id, parcel.channel)
            return False, f"{type(error).__name__}: {error}"

    def _send(self, notice: Notice, channel: str, book: AddressBook) -> str:
        if notice.warning_id and not self._stands(notice):
            raise NotDelivered("the warning was withdrawn meanwhile")
        kind = channel.rpartition(".")[2]
        addressee = book.addressee(notice.deliveries[channel].to, notice.owner)
        channels = addressee.channels
        if kind == "email" and channels.email:
            return self.mail.send(channels.email, messages.subject(notice), messages.text(notice))
        if kind == "webhook" and channels.webhook:
            secret = self.secret(addressee.name, channels.webhook_key)
            return self.webhook.post(channels.webhook, secret, notice.id, messages.payload(notice))
        raise NotDelivered("there is no such address any more")

    def _stands(self, notice: Notice) -> bool:
        instance = self.instances.load(notice.instance_id)
        return bool(instance and instance.warned and instance.warned.id == notice.warning_id)

    def _note(self, notice: Notice, channel: str, now: datetime) -> None:
        """In the record, which the stop waits for; one that has moved on is read again."""
        for _ in range(TRIES if notice.warning_id else 0):
            instance = self.instances.load(notice.instance_id)
            kind = channel.rpartition(".")[2]
            plan = lifecycle.delivered(instance, notice.warning_id or "", kind, now) if instance else None
            if instance is None or plan is None:
                return
            try:
                self.instances.write(instance, plan.instance, plan.entries)
            except Stale:
                continue
            return

    def _greet(self, book: AddressBook, now: datetime) -> None:
        """Each new webhook gets a first message."""
        for name, notice in greetings(book, now).items():
            if not self.desk.is_marked(f"greeted#{name}"):
                self.notices.put_new(notice)
                self.desk.mark(f"greeted#{name}")

    def _invite(self, book: AddressBook) -> None:
        """Each new address is asked once whether it wants our mail."""
        for address in sorted(book.emails()):
            if not self.desk.is_marked(f"invited#{address}"):
                try:
                    self.mail.invite(address)
                except CloudError as error:
                    LOG.warning("%s could not be invited: %s", address, error)
                else:
                    self.desk.mark(f"invited#{address}")
