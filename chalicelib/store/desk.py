"""The desk table: gpudesk's settings, leases and e-mail subscriptions.

Other modules keep small items in it as well: reserved names, counts of active instances and idempotency records
(`instances`), durations of documents (`durations`), foreign instances and adoptions (`foreign_instances`,
`adoptions`).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    TTLAttribute,
    UnicodeAttribute,
)
from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.settings import Defaults, DeskSettings
from chalicelib.domain.notifications.email_subscription import EmailState, EmailSubscription
from chalicelib.domain.notifications.notification import DESK_ID, Notification
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.decision_log import log_changes
from chalicelib.store.dynamo import commit, find_item, update_if
from chalicelib.store.notifications import add_notifications
from chalicelib.store.stored_type import StoredType
from chalicelib.store.timeline import append_timeline

SETTINGS = StoredType(DeskSettings)
SETTINGS_KEY = "settings"

SWEEP_LEASE_NAME = "sweep"
"""The lease also records when a sweep last completed, and what it has left over."""


class DeskModel(TableModel):
    """A small item that exists once: a name, a count, an idempotency record, a lease, the settings.

    Each kind of item uses some of the attributes. Durations of documents are items, too.
    """

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "desk"

    key = UnicodeAttribute(hash_key=True)
    instance = UnicodeAttribute(null=True)
    number = NumberAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    warnings: ListAttribute[MapAttribute[str, Any]] = ListAttribute(null=True)
    holder = UnicodeAttribute(null=True)
    until = NumberAttribute(null=True)
    done = NumberAttribute(null=True)
    note = UnicodeAttribute(null=True)
    settings = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    requested_at = NumberAttribute(null=True)
    steps: ListAttribute[MapAttribute[str, Any]] = ListAttribute(null=True)
    version = NumberAttribute(null=True)
    content = BinaryAttribute(legacy_encoding=False, null=True)
    expires_at = TTLAttribute(null=True)


class DeskRepository:
    """The settings, leases and e-mail subscriptions of the desk table."""

    def __init__(self, home_region: str) -> None:
        """Use this region where no admin has set a default region."""
        self._default_settings = DeskSettings(defaults=Defaults(region=home_region))

    def get_settings(self) -> DeskSettings:
        """Return the settings, with defaults for all that no admin has set: the default region is gpudesk's own."""
        item = find_item(DeskModel, SETTINGS_KEY)
        if item is None:
            return self._default_settings
        settings = SETTINGS.decode(item.settings) if item.settings else self._default_settings
        return replace(settings, version=int(item.version or 0))

    def save_settings(
        self,
        settings: DeskSettings,
        entries: Iterable[TimelineEntry] = (),
        notifications: Iterable[Notification] = (),
    ) -> DeskSettings:
        """Write the settings, the desk's timeline and notifications if the table still holds the version that was read.

        :returns: the settings with their new version
        :raises VersionConflict: another request has changed them meanwhile
        """
        version, entries = (settings.version or 0) + 1, tuple(entries)
        condition = DeskModel.version == settings.version if settings.version else DeskModel.key.does_not_exist()

        def add_changes(changes: TransactWrite) -> None:
            item = DeskModel(SETTINGS_KEY, settings=SETTINGS.encode(settings), version=version)
            changes.save(item, condition=condition)
            append_timeline(changes, DESK_ID, version, entries)
            add_notifications(changes, notifications)

        commit("the desk settings", add_changes)
        log_changes(DESK_ID, entries)
        return replace(settings, version=version)

    def acquire_lease(self, name: str, holder: str, *, now: datetime, duration: timedelta) -> str | None:
        """Take the lease `name`, unless another holder has it.

        :param duration: the lease is free again after this time, even if it is not released
        :returns: the note of the last holder, which may be empty; None: another holder has the lease
        """
        lease = DeskModel(f"lease#{name}")
        until = int((now + duration).timestamp())
        is_free = DeskModel.until.does_not_exist() | (DeskModel.until <= int(now.timestamp()))
        if not update_if(lease, [DeskModel.holder.set(holder), DeskModel.until.set(until)], is_free):
            return None
        return lease.note or ""

    def release_lease(self, name: str, holder: str, *, now: datetime, note: str, is_complete: bool) -> None:
        """Release the lease, if `holder` still has it.

        :param note: for the next holder
        :param is_complete: record the time as that of the last complete work
        """
        seconds = int(now.timestamp())
        actions = [DeskModel.until.set(seconds), DeskModel.note.set(note)]
        actions += [DeskModel.done.set(seconds)] if is_complete else []
        update_if(DeskModel(f"lease#{name}"), actions, DeskModel.holder == holder)

    def get_last_completed_at(self, name: str) -> datetime | None:
        """Return when the work of a lease was last completed."""
        item = find_item(DeskModel, f"lease#{name}", consistent=False)
        return datetime.fromtimestamp(item.done, UTC) if item and item.done else None

    def find_email_subscription(self, address: str, generation: int) -> EmailSubscription | None:
        """Return the subscription of an address that was set for the `generation`-th time; None: not requested yet."""
        item = find_item(DeskModel, _build_email_key(address, generation), consistent=False)
        if item is None or item.state is None:
            return None
        return EmailSubscription(
            address=address,
            generation=generation,
            state=EmailState(item.state),
            requested_at=datetime.fromtimestamp(item.requested_at or 0, UTC),
        )

    def save_email_subscription(self, subscription: EmailSubscription) -> None:
        """Write the state of a subscription."""
        key = _build_email_key(subscription.address, subscription.generation)
        requested_at = int(subscription.requested_at.timestamp())
        DeskModel(key, state=str(subscription.state), requested_at=requested_at).save()


def _build_email_key(address: str, generation: int) -> str:
    return f"email#{address}#{generation}"
