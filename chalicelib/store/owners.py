"""What is set for each owner."""

import logging
from dataclasses import replace

from pydantic import ValidationError
from pynamodb.exceptions import DoesNotExist, PutError

from chalicelib.domain.desk.settings import OwnerSettings
from chalicelib.store.codec import OWNER, to_plain
from chalicelib.store.dynamo import VersionConflict
from chalicelib.store.models import OwnerModel

LOG = logging.getLogger(__name__)


class OwnerRepository:
    """The owners table: a team's, so that reading all of it is one call."""

    def get(self, owner: str) -> OwnerSettings:
        """As they were set; of whom nothing was set, nothing is."""
        try:
            return _settings(OwnerModel.get(owner, consistent_read=True))
        except DoesNotExist:
            return OwnerSettings(owner=owner)

    def list_all(self) -> dict[str, OwnerSettings]:
        """Of everybody for whom something was set; what cannot be read of one is as if it were not set."""
        readable: dict[str, OwnerSettings] = {}
        for found in OwnerModel.scan(consistent_read=True):
            try:
                readable[found.owner] = _settings(found)
            except ValidationError as problem:
                LOG.error("what is set for %s cannot be read: %s", found.owner, str(problem)[:300])
        return readable

    def save(self, settings: OwnerSettings) -> OwnerSettings:
        """Guarded by the version that was read.

        :raises Stale: somebody else changed them meanwhile
        """
        version = (settings.version or 0) + 1
        model = OwnerModel(settings.owner, settings=to_plain(OWNER, settings), version=version)
        condition = OwnerModel.version == settings.version if settings.version else OwnerModel.owner.does_not_exist()
        try:
            model.save(condition=condition)
        except PutError as error:
            if error.cause_response_code != "ConditionalCheckFailedException":
                raise
            raise VersionConflict(f"what is set for {settings.owner} has changed since it was read") from error
        return replace(settings, version=version)


def _settings(model: OwnerModel) -> OwnerSettings:
    return replace(OWNER.validate_python(model.settings.as_dict()), version=int(model.version))
