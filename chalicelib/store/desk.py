"""The desk's settings and the sweep's lease."""

from dataclasses import replace
from datetime import datetime, timedelta

from pynamodb.exceptions import DeleteError, DoesNotExist, PutError

from chalicelib.domain.desk import DeskSettings
from chalicelib.store.codec import SETTINGS, dumped
from chalicelib.store.instances import Stale
from chalicelib.store.models import DeskModel

SETTINGS_KEY = "settings"
FAILED_CONDITION = "ConditionalCheckFailedException"


class DeskStore:
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
        model = DeskModel(SETTINGS_KEY, settings=dumped(SETTINGS, settings), version=version)
        condition = DeskModel.version == settings.version if settings.version else DeskModel.key.does_not_exist()
        try:
            model.save(condition=condition)
        except PutError as error:
            if error.cause_response_code != FAILED_CONDITION:
                raise
            raise Stale("the desk's settings have changed since they were read") from error
        return replace(settings, version=version)

    def take_lease(self, name: str, holder: str, *, now: datetime, life: timedelta) -> bool:
        """Hold `name` for a while, where nobody else does.

        :returns: whether it is ours now
        """
        until = int((now + life).timestamp())
        free = DeskModel.key.does_not_exist() | (DeskModel.until <= int(now.timestamp())) | (DeskModel.holder == holder)
        try:
            DeskModel(f"lease#{name}", holder=holder, until=until).save(condition=free)
        except PutError as error:
            if error.cause_response_code == FAILED_CONDITION:
                return False
            raise
        return True

    def give_back(self, name: str, holder: str) -> None:
        """End the lease, if it is still ours."""
        try:
            DeskModel(f"lease#{name}").delete(condition=DeskModel.holder == holder)
        except DeleteError as error:
            if error.cause_response_code != FAILED_CONDITION:
                raise

    def mark(self, name: str, now: datetime) -> None:
        """Leave a mark that something was done at `now`."""
        DeskModel(f"mark#{name}", until=int(now.timestamp())).save()

    def marked(self, name: str) -> int | None:
        """When the mark was left, in seconds of the epoch."""
        try:
            found = DeskModel.get(f"mark#{name}")
        except DoesNotExist:
            return None
        return int(found.until or 0)
