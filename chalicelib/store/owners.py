"""The owners table: the settings of each owner."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.domain.desk.settings import OwnerSettings
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import commit, find_item, read_or_log
from chalicelib.store.notifications import add_notifications
from chalicelib.store.stored_type import StoredType

OWNER = StoredType(OwnerSettings)


class OwnerModel(TableModel):
    """The settings of one owner: policy and channels."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "owners"

    owner = UnicodeAttribute(hash_key=True)
    settings = UnicodeAttribute()
    version = NumberAttribute()


class OwnerRepository:
    """The owners table. It holds a team, so one call reads all of it."""

    def get(self, owner: str) -> OwnerSettings:
        """Return the settings of an owner; empty ones if nothing was set."""
        item = find_item(OwnerModel, owner)
        return _to_settings(item) if item else OwnerSettings(owner=owner)

    def list_all(self) -> dict[str, OwnerSettings]:
        """Return the settings of all owners who have any, without unreadable ones."""
        items = OwnerModel.scan(consistent_read=True)
        read = {item.owner: read_or_log(f"settings of {item.owner}", partial(_to_settings, item)) for item in items}
        return {owner: settings for owner, settings in read.items() if settings}

    def save(self, settings: OwnerSettings, notifications: Iterable[Notification] = ()) -> OwnerSettings:
        """Write the settings of an owner and notifications if the table still holds the version that was read.

        :returns: the settings with their new version
        :raises VersionConflict: another request has changed them meanwhile
        """
        version = (settings.version or 0) + 1
        item = OwnerModel(settings.owner, settings=OWNER.encode(settings), version=version)
        condition = OwnerModel.version == settings.version if settings.version else OwnerModel.owner.does_not_exist()

        def add_changes(changes: TransactWrite) -> None:
            changes.save(item, condition=condition)
            add_notifications(changes, notifications)

        commit(f"the settings of {settings.owner}", add_changes)
        return replace(settings, version=version)


def _to_settings(item: OwnerModel) -> OwnerSettings:
    return replace(OWNER.decode(item.settings), version=int(item.version))
