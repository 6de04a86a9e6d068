"""The desk's settings and the sweep's lease."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pynamodb.exceptions import DoesNotExist, PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.store.codec import SETTINGS, to_plain
from chalicelib.store.dynamo import VersionConflict
from chalicelib.store.models import DeskModel

SETTINGS_KEY = "settings"
CONDITION_FAILED = "ConditionalCheckFailedException"


class DeskRepository:
    """The desk table, but for what belongs to an instance (`instances.py`)."""

    def settings(self) -> DeskSettings:
        """As an admin set them, or as they come."""
        try:
            found = DeskModel.get(SETTINGS_KEY, consistent_read=True)
        except DoesNotExist:
            return DeskSettings()
        plain = found.settings.as_dict() if found.settings else {}
        return replace(SETTINGS.validate_python(plain), version=int(found.version or 0))

    def save_settings(self, settings: DeskSettings) -> DeskSettings:
        """Guarded by the version that was read.

        :raises Stale: somebody else changed them meanwhile
        """
        version = (settings.version or 0) + 1
        model = DeskModel(SETTINGS_KEY, settings=to_plain(SETTINGS, settings), version=version)
        condition = DeskModel.version == settings.version if settings.version else DeskModel.key.does_not_exist()
        try:
            model.save(condition=condition)
        except PutError as error:
            if error.cause_response_code != CONDITION_FAILED:
                raise
            raise VersionConflict("the desk's settings have changed since they were read") from error
        return replace(settings, version=version)

    def acquire_lease(self, name: str, holder: str, *, now: datetime, life: timedelta) -> bool:
        """Hold `name` for a while, where nobody else does.

        :returns: whether it is ours now
        """
        until = int((now + life).timestamp())
        is_free = DeskModel.until.does_not_exist() | (DeskModel.until <= int(now.timestamp()))
        actions = [DeskModel.holder.set(holder), DeskModel.until.set(until)]
        return self._update_lease(name, actions, is_free)

    def complete_lease(self, name: str, holder: str, *, now: datetime) -> None:
        """Give it back, if it is still ours, and leave a mark that the work was done."""
        seconds = int(now.timestamp())
        self._update_lease(
            name, [DeskModel.until.set(seconds), DeskModel.done.set(seconds)], DeskModel.holder == holder
        )

    def release_lease(self, name: str, holder: str, *, now: datetime) -> None:
        """Give it back, the work not done."""
        self._update_lease(name, [DeskModel.until.set(int(now.timestamp()))], DeskModel.holder == holder)

    def last_completed_at(self, name: str) -> datetime | None:
        """When the work under that lease was last done."""
        try:
            found = DeskModel.get(f"lease#{name}")
        except DoesNotExist:
            return None
        return datetime.fromtimestamp(found.done, UTC) if found.done else None

    def is_done_once(self, name: str) -> bool:
        """Whether something that is done once has been done."""
        try:
            DeskModel.get(f"mark#{name}")
        except DoesNotExist:
            return False
        return True

    def mark_done(self, name: str) -> None:
        """It is done."""
        DeskModel(f"mark#{name}").save()

    def _update_lease(self, name: str, actions: Sequence[Action], condition: Condition) -> bool:
        try:
            DeskModel(f"lease#{name}").update(actions=list(actions), condition=condition)
        except UpdateError as error:
            if error.cause_response_code == CONDITION_FAILED:
                return False
            raise
        return True
