"""What people are told, by which channel, and what became of it: the delivery log, and when to try again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.channels import Channels
from chalicelib.domain.common.event_codes import Audience, EventCode
from chalicelib.domain.instance import Action, Instance
from chalicelib.domain.plan import Entry
from chalicelib.domain.timings import DELIVERY_GIVEN_UP, WARNING_RETRY

ASKED_FOR = (EventCode.STOP_REQUESTED, EventCode.TERMINATE_REQUESTED)
"""Reasons of a stop or a termination that somebody asked for: its beginning is no news, how it ends is."""

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 1, 2, 4, 8, 15, 30))
"""Between two tries of one channel; the last one from then on."""


class DeliveryState(StrEnum):
    """What has become of a notice on one channel."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt to deliver.

    :param detail: what the channel said
    """

    at: datetime
    succeeded: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A notice's way on one channel.

    :param to: who is told by it: owner or admin
    :param next_at: not tried again before
    """

    to: Audience
    state: DeliveryState = DeliveryState.PENDING
    next_at: datetime
    tries: tuple[Try, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that somebody is told.

    :param id: the same for the same event, so that telling it twice writes it once
    :param instance_id: "desk" where it is about the desk itself
    :param until: after that it is no use any more
    :param instance_name: as people know it
    :param warning_id: of the warning that it carries
    :param is_termination: the warning announces a termination, not a stop
    :param image_id: of the image that it is about
    :param deliveries: by channel ("owner.email", "admin.webhook")
    """

    id: str
    instance_id: str
    instance_name: str
    owner: str
    code: EventCode
    at: datetime
    sentence: str
    until: datetime
    warning_id: str | None = None
    acts_at: datetime | None = None
    is_termination: bool = False
    image_id: str | None = None
    deliveries: Mapping[str, Delivery] = field(default_factory=dict)

    @property
    def due_at(self) -> datetime | None:
        """When the next channel is to be tried; None: nothing is left to do."""
        waiting = (each.next_at for each in self.deliveries.values() if each.state is DeliveryState.PENDING)
        return min(waiting, default=None)

    def due(self, now: datetime) -> Iterator[str]:
        """The channels to be tried now."""
        for channel, delivery in self.deliveries.items():
            if delivery.state is DeliveryState.PENDING and delivery.next_at <= now:
                yield channel


@dataclass(frozen=True)
class Addressee:
    """Somebody's channels.

    :param name: whose they are; the secret of the webhook is made of it
    """

    name: str
    channels: Channels


@dataclass(frozen=True)
class AddressBook:
    """Who can be told by what.

    :param owners: the channels of those who have set any
    :param admin: the desk's own
    """

    owners: Mapping[str, Channels] = field(default_factory=dict)
    admin: Channels = Channels()

    def addressee(self, audience: Audience, owner: str) -> Addressee:
        """An owner who has set no channel is told by the desk's: somebody hears of it."""
        own = self.owners.get(owner)
        if audience is Audience.OWNER and own:
            return Addressee(f"owner/{owner}", own)
        return Addressee("desk", self.admin)

    def emails(self) -> frozenset[tuple[str, int]]:
        """Every address that is set, and how often it was: whoever sets it again is asked for consent again."""
        return frozenset((each.email, each.email_key) for each in (*self.owners.values(), self.admin) if each.email)

    def reaches(self, owner: str) -> bool:
        """Whether a warning of this owner's instances can be delivered at all."""
        return bool(self.addressee(Audience.OWNER, owner).channels)


def notices_of(instance: Instance, entries: Iterable[Entry], book: AddressBook) -> tuple[Notice, ...]:
    """What is to be told of a change, by every channel of those whom it concerns; nobody to tell, no notice.

    :param instance: as it is written
    :param entries: the lines that are written with it
    """
    return tuple(notice for line in entries if _is_news(line) and (notice := _notice(instance, line, book)).deliveries)


def desk_notice(code: EventCode, sentence: str, since: datetime, now: datetime, book: AddressBook) -> Notice:
    """Something about the desk itself, for its admins.

    :param since: since when it is so: the same since is the same notice
    """
    return Notice(
        id=f"desk.{code}.{int(since.timestamp())}",
        instance_id="desk",
        instance_name="the desk",
        owner="admin",
        code=code,
        at=now,
        sentence=sentence,
        until=now + DELIVERY_GIVEN_UP,
        deliveries=_deliveries(code.audience, "admin", book, now),
    )


def greetings(book: AddressBook, now: datetime) -> dict[str, Notice]:
    """A first message for each webhook, so that its owner can see it arrive and check the signature.

    :returns: by a name that is another one once the webhook has another secret
    """
    everybody = [*(book.addressee(Audience.OWNER, owner) for owner in book.owners), Addressee("desk", book.admin)]
    return {
        f"{each.name}.{each.channels.webhook_key}": _greeting(each, now) for each in everybody if each.channels.webhook
    }


def _greeting(addressee: Addressee, now: datetime) -> Notice:
    code = EventCode.WEBHOOK_REGISTERED
    kind, _, owner = addressee.name.partition("/")
    to = Audience.OWNER if kind == "owner" else Audience.ADMIN
    return Notice(
        id=f"{addressee.name}.{code}.{addressee.channels.webhook_key}",
        instance_id="desk",
        instance_name="the desk",
        owner=owner or "admin",
        code=code,
        at=now,
        sentence=(
            "This webhook is registered: stop warnings and other notifications of GPU instances arrive here, signed "
            "like this one."
        ),
        until=now + DELIVERY_GIVEN_UP,
        deliveries={f"{to}.webhook": Delivery(to=to, next_at=now)},
    )


def tried(notice: Notice, channel: str, *, succeeded: bool, detail: str, now: datetime) -> Notice:
    """What a try changes: done, again after a pause, or given up."""
    delivery = notice.deliveries[channel]
    tries = (*delivery.tries, Try(at=now, succeeded=succeeded, detail=detail[:300]))
    pause = PAUSES[min(len(tries), len(PAUSES)) - 1]
    next_at = now + (min(pause, WARNING_RETRY) if notice.warning_id else pause)
    state = DeliveryState.PENDING
    if succeeded:
        state = DeliveryState.DELIVERED
    elif next_at > notice.until:
        state = DeliveryState.FAILED
    after = replace(delivery, state=state, next_at=next_at, tries=tries)
    return replace(notice, deliveries={**notice.deliveries, channel: after})


def _is_news(line: Entry) -> bool:
    return bool(line.code.audience) and line.details.get("reason_code") not in ASKED_FOR


def _notice(instance: Instance, line: Entry, book: AddressBook) -> Notice:
    warned = instance.warned if instance.warned and instance.warned.at == line.at else None
    return Notice(
        id=f"{instance.id}.{line.code}.{int(line.at.timestamp())}",
        instance_id=instance.id,
        instance_name=line.details.get("former_name", instance.name),
        owner=instance.owner,
        code=line.code,
        at=line.at,
        sentence=line.sentence,
        until=warned.waits_until if warned else line.at + DELIVERY_GIVEN_UP,
        warning_id=warned.id if warned else None,
        acts_at=warned.acts_at if warned else None,
        is_termination=line.details.get("action") == Action.TERMINATE,
        image_id=line.details.get("image"),
        deliveries=_deliveries(line.code.audience, instance.owner, book, line.at),
    )


def _deliveries(audience: tuple[Audience, ...], owner: str, book: AddressBook, now: datetime) -> dict[str, Delivery]:
    """By each address once, also where owner and admin share it."""
    found: dict[str, Delivery] = {}
    seen: set[str] = set()
    for whom in audience:
        channels = book.addressee(whom, owner).channels
        for kind, address in (("email", channels.email), ("webhook", channels.webhook)):
            if address and address not in seen:
                seen.add(address)
                found[f"{whom}.{kind}"] = Delivery(to=whom, next_at=now)
    return found
