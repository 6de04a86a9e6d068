"""The post: what is to be told is delivered, tried again, and logged. A warning that arrived is noted in its record."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from chalicelib.aws.sns import Mail
from chalicelib.channels.webhook import Webhook
from chalicelib.domain import lifecycle, messages
from chalicelib.domain.clock import Clock
from chalicelib.domain.errors import NotDelivered
from chalicelib.domain.notices import AddressBook, Notice, greetings, tried
from chalicelib.store.desk import DeskStore
from chalicelib.store.instances import Instances
from chalicelib.store.notices import Notices
from chalicelib.store.transactions import TRIES, Stale

LOG = logging.getLogger(__name__)

MOST = 32
"""Notices in one round; the rest follows in the next."""

AT_ONCE = 8
"""So that a receiver that hangs holds up few others, and those only until its own limit."""

ROUND_SECONDS = 20.0
"""Nothing is begun after that, in real time: the function that delivers has a minute, and the sweep its share of it."""


@dataclass(frozen=True)
class Parcel:
    """One notice on one channel."""

    notice: Notice
    channel: str


@dataclass(frozen=True)
class Carried:
    """What became of a parcel.

    :param detail: what the channel said
    """

    succeeded: bool
    detail: str


@dataclass(frozen=True)
class Postman:
    """Delivers what is due.

    :param secret: of a webhook, by whose it is and the number of its key
    :param seconds: real time, monotonic
    """

    notices: Notices
    instances: Instances
    desk: DeskStore
    mail: Mail
    webhook: Webhook
    secret: Callable[[str, int], str]
    clock: Clock
    seconds: Callable[[], float] = time.monotonic

    def deliver(self, book: AddressBook) -> int:
        """One round over what is due, warnings first: a stop waits for them, and an address that fails is left alone.

        :returns: how many channels took something
        """
        now = self.clock.now()
        self._invite(book)
        self._greet(book, now)
        parcels = [Parcel(each, channel) for each in self.notices.due(now, MOST) for channel in each.due(now)]
        warnings_first = sorted(parcels, key=lambda parcel: parcel.notice.warning_id is None)
        return self._round(warnings_first, book, now) if parcels else 0

    def _round(self, parcels: Sequence[Parcel], book: AddressBook, now: datetime) -> int:
        """What became of each is written down as soon as it is known: a round that is cut short loses nothing."""
        over_at, failed = self.seconds() + ROUND_SECONDS, set[tuple[str, str]]()
        latest: dict[str, Notice] = {}
        taken = 0
        with ThreadPoolExecutor(min(AT_ONCE, len(parcels))) as threads:
            carried = {threads.submit(self._carry, parcel, book, over_at, failed): parcel for parcel in parcels}
            for future in as_completed(carried):
                parcel, outcome = carried[future], future.result()
                if outcome is None:
                    continue
                notice = latest.get(parcel.notice.id, parcel.notice)
                succeeded = outcome.succeeded
                latest[notice.id] = tried(notice, parcel.channel, succeeded=succeeded, detail=outcome.detail, now=now)
                self.notices.save(latest[notice.id])
                if succeeded:
                    self._note(notice, parcel.channel, now)
                taken += succeeded
        return taken

    def _carry(self, parcel: Parcel, book: AddressBook, over_at: float, failed: set[tuple[str, str]]) -> Carried | None:
        """What became of it. Whatever goes wrong with one is only that one's, and its address's until the next round.

        :param over_at: nothing is begun any more
        :param failed: who was not to be reached in this round, by which channel
        :returns: None: it was not tried, and is in the next round
        """
        address = (parcel.notice.owner, parcel.channel)
        if self.seconds() >= over_at or address in failed:
            return None
        try:
            return Carried(True, self._send(parcel.notice, parcel.channel, book))
        except NotDelivered as error:
            LOG.warning("%s by %s: %s", parcel.notice.id, parcel.channel, error)
            detail = str(error)
        except Exception as error:
            LOG.exception("%s by %s", parcel.notice.id, parcel.channel)
            detail = f"{type(error).__name__}: {error}"
        failed.add(address)
        return Carried(False, detail)

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
            self._once(f"greeted#{name}", partial(self.notices.put_new, notice))

    def _invite(self, book: AddressBook) -> None:
        """Each address is asked whether it wants our mail, once for each time that it was set."""
        for address, key in sorted(book.emails()):
            self._once(f"invited#{address}#{key}", partial(self.mail.invite, address))

    def _once(self, mark: str, do: Callable[[], object]) -> None:
        """What fails is tried again in the next round, and is nobody else's problem."""
        if self.desk.is_marked(mark):
            return
        try:
            do()
        except Exception:
            LOG.exception("%s: not this time", mark)
        else:
            self.desk.mark(mark)
