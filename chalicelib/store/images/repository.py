"""Images: changed under a guard, together with the instance that they are made of where that changes, too."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pynamodb.exceptions import PynamoDBException, TransactWriteError

from chalicelib.domain.common.deadlines import TERMINATED_RETENTION
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.codec import IMAGE, to_plain
from chalicelib.store.cursors import decode_cursor, encode_cursor
from chalicelib.store.dynamo import (
    MAX_ATTEMPTS,
    VersionConflict,
    append_timeline,
    cancellation_codes,
    get_consistent,
    to_instance_model,
    transaction,
)
from chalicelib.store.models import PARTITION, ImageModel
from chalicelib.store.notifications import add_notifications

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Page:
    """Some of a list, and where it goes on."""

    items: tuple[Image, ...]
    next_cursor: str | None


@dataclass(frozen=True)
class InstanceUpdate:
    """The instance that an image is made of, before and after, the lines of its timeline, and who is told."""

    before: Instance
    after: Instance
    entries: tuple[TimelineEntry, ...]
    notices: tuple[Notification, ...] = ()
    user_write: bool = False


class ImageRepository:
    """The images table."""

    def load(self, image_id: str) -> Image | None:
        """By id; read consistently.

        :raises ValidationError: the record cannot be read
        """
        found = get_consistent(ImageModel, image_id)
        return _image(found) if found else None

    def find(self, image_id: str) -> Image | None:
        """The same for who only shows it: one that cannot be read is not there."""
        found = get_consistent(ImageModel, image_id)
        return next(_readable([found]), None) if found else None

    def list_pending(self) -> Iterator[Image]:
        """Those about which something is to be done; one that cannot be read does not hide the others."""
        return _readable(ImageModel.pending_index.query("pending"))

    def list_all(self, owner: str | None) -> Iterator[Image]:
        """One owner's, or everybody's, newest first."""
        index, whose = _index(owner)
        return _readable(index.query(whose[1], scan_index_forward=False))

    def page(self, owner: str | None, *, limit: int, cursor: str | None) -> Page:
        """The same, some at a time.

        :raises BadCursor: not a cursor of this list
        """
        index, whose = _index(owner)
        start = decode_cursor(cursor, whose, "id", "created_key")
        results = index.query(whose[1], scan_index_forward=False, limit=limit, last_evaluated_key=start)
        items = tuple(_readable(results))
        return Page(items, encode_cursor(results.last_evaluated_key))

    def write(self, image: Image, notification: InstanceUpdate | None = None) -> Image:
        """One transaction, guarded by the versions that were read: the image, and what is told of it.

        :param image: as it is to be; its `version` is that of the item in the table, None: there must be none
        :returns: the image with its new version
        :raises Stale: image or instance has changed since it was read; nothing was written
        """
        for _ in range(MAX_ATTEMPTS):
            model = _model(image)
            try:
                with transaction() as changes:
                    changes.save(model)
                    if notification:
                        changes.save(
                            to_instance_model(
                                notification.after, notification.before.version, user_write=notification.user_write
                            )
                        )
                        append_timeline(
                            changes, notification.after.id, (notification.before.version or 0) + 1, notification.entries
                        )
                        add_notifications(changes, notification.notices)
            except TransactWriteError as error:
                why = cancellation_codes(error)
                if "ConditionalCheckFailed" in why:
                    raise VersionConflict(f"{image.id}, or its instance, has changed since it was read") from error
                if "TransactionConflict" in why:
                    continue
                raise
            return replace(image, version=model.version)
        raise VersionConflict(f"{image.id} is being changed by others")


def _index(owner: str | None) -> tuple[Any, tuple[str, str]]:
    return (ImageModel.by_owner, ("owner", owner)) if owner else (ImageModel.by_creation, ("partition", PARTITION))


def _readable(results: Iterable[ImageModel]) -> Iterator[Image]:
    for found in results:
        try:
            yield _image(found)
        except (ValidationError, PynamoDBException, ValueError, TypeError) as error:
            LOG.error("image %s cannot be read: %s", found.id, error)


def _image(model: ImageModel) -> Image:
    return replace(IMAGE.validate_python(model.record.as_dict()), version=int(model.version))


def _model(image: Image) -> ImageModel:
    is_gone = image.phase is ImagePhase.DELETED
    guard: dict[str, Any] = {} if image.version is None else {"version": image.version}
    return ImageModel(
        image.id,
        partition=None if is_gone else PARTITION,
        owner=None if is_gone else image.owner,
        created_key=f"{image.created_at.isoformat()}#{image.id}",
        pending="pending" if image.needs_work else None,
        record=to_plain(IMAGE, image),
        expires_at=image.phase_since + TERMINATED_RETENTION if is_gone else None,
        **guard,
    )
