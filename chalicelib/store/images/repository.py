"""Read and write images. A change that concerns the instance is written in the same transaction."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.domain.common.deadlines import TERMINATED_RETENTION
from chalicelib.domain.common.pagination import Page
from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.store.decision_log import log_image_change, log_instance_changes
from chalicelib.store.dynamo import PARTITION, commit, find_item, read_or_log
from chalicelib.store.images.table import ImageModel
from chalicelib.store.instances.items import RecordWrite, add_record_write
from chalicelib.store.ledger import add_ledger_segments
from chalicelib.store.paged_query import build_list_query
from chalicelib.store.stored_type import StoredType
from chalicelib.store.unreadable_item import read_or_raise

IMAGE = StoredType(Image)


class ImageRepository:
    """The images table."""

    def load(self, image_id: str) -> Image | None:
        """Return an image by id, read consistently.

        :raises UnreadableItem: the record cannot be read
        """
        item = find_item(ImageModel, image_id)
        return read_or_raise(item.id, item.owner, partial(_to_image, item)) if item else None

    def find(self, image_id: str) -> Image | None:
        """Return an image by id for display. An unreadable one counts as missing."""
        item = find_item(ImageModel, image_id)
        return _to_image_or_log(item) if item else None

    def list_pending(self) -> Iterator[Image]:
        """Yield the images that need work, without unreadable ones."""
        return _readable_images(ImageModel.pending_index.query("pending"))

    def list_pending_ids(self) -> Iterator[str]:
        """Yield the ids of the images that need work, also of unreadable ones."""
        return (item.id for item in ImageModel.pending_index.query("pending"))

    def list_all(self, owner: str | None) -> Iterator[Image]:
        """Yield the images of one owner, or of everybody, newest first, without unreadable ones."""
        return (image for image in self.list_all_or_none(owner) if image)

    def list_all_or_none(self, owner: str | None) -> Iterator[Image | None]:
        """Yield the images of one owner, or of everybody, newest first; None for an unreadable one."""
        query = build_list_query("images", ImageModel, owner)
        return map(_to_image_or_log, query.source.query(query.hash_key[1], scan_index_forward=False))

    def list_page(self, owner: str | None, *, limit: int, cursor: str | None) -> Page[Image]:
        """Return a page of the images of one owner, or of everybody, newest first.

        :raises ValidationFailed: the cursor is not one of this list
        """
        return build_list_query("images", ImageModel, owner).fetch(_to_image_or_log, limit, cursor)

    def write(
        self, image: Image, instance_write: RecordWrite | None = None, segment: BilledSegment | None = None
    ) -> Image:
        """Write an image, the change of its instance, and what was billed of it, in one transaction.

        :returns: the image with its new version
        :raises VersionConflict: the image or its instance has changed since it was read; nothing was written
        """

        def add_changes(changes: TransactWrite) -> ImageModel:
            item = _to_model(image)
            changes.save(item)
            if instance_write:
                add_record_write(changes, instance_write)
            add_ledger_segments(changes, [segment] if segment else [])
            return item

        written = replace(image, version=commit(f"Image {image.id} or its instance", add_changes).version)
        log_image_change(written)
        if instance_write:
            log_instance_changes(instance_write.after, instance_write.entries)
        return written


def _readable_images(items: Iterable[ImageModel]) -> Iterator[Image]:
    return (image for image in map(_to_image_or_log, items) if image)


def _to_image_or_log(item: ImageModel) -> Image | None:
    return read_or_log(f"image {item.id}", partial(_to_image, item))


def _to_image(item: ImageModel) -> Image:
    return replace(IMAGE.decode(item.record), version=int(item.version))


def _to_model(image: Image) -> ImageModel:
    is_deleted = image.phase is ImagePhase.DELETED
    guard: dict[str, Any] = {} if image.version is None else {"version": image.version}
    return ImageModel(
        image.id,
        partition=None if is_deleted else PARTITION,
        owner=None if is_deleted else image.owner,
        created_key=f"{image.created_at.isoformat()}#{image.id}",
        pending="pending" if image.needs_work else None,
        record=IMAGE.encode(image),
        expires_at=image.phase_since + TERMINATED_RETENTION if is_deleted else None,
        **guard,
    )
