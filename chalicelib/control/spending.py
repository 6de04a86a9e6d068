"""Read what was billed, and what is billed now: the ledger, the active records and the images."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from chalicelib.domain.costs.open_segments import join_segments
from chalicelib.domain.images.billing import get_image_segment
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.metering import get_open_segment
from chalicelib.domain.instances.record import Instance
from chalicelib.store.instances.repository import UnreadableRecord
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class Spending:
    """The billed segments until a time, and the instances and images that exist then.

    :param segments: of the months that were read, and the open ones
    :param instances: all that are not terminated
    :param images: the open segments of images
    :param has_unreadable_records: the records of some instances or images cannot be read, so costs are missing
    """

    segments: Sequence[BilledSegment]
    instances: Sequence[Instance]
    images: Sequence[BilledSegment]
    has_unreadable_records: bool


def read_spending(
    stores: Repositories,
    owner: str | None,
    since: date,
    now: datetime,
    *,
    recent: Iterable[Instance] | None = None,
) -> Spending:
    """Read the costs of one owner, or of everybody, from the month of `since` until now.

    The records are read before the ledger. So a segment that ends meanwhile is read twice and not missed, and
    `join_segments` counts it once.

    :param recent: records that the index of active instances may not show yet, or not as they are; the ledger is then
        read consistently, too. None: what was written within the last moment may be missing
    """
    records = {
        record.id: record for record in stores.instances.list_active() if owner is None or record.owner in (None, owner)
    }
    readable = {record.id: record for record in records.values() if isinstance(record, Instance)}
    instances = [*(readable | {instance.id: instance for instance in recent or ()}).values()]
    stored_images = list(stores.images.list_all_or_none(owner))
    images = [segment for image in stored_images if image and (segment := get_image_segment(image, now))]
    open_segments = [segment for instance in instances if (segment := get_open_segment(instance, now))]
    ended = stores.ledger.list_segments(since, now.date(), owner, consistent=recent is not None)
    return Spending(
        segments=join_segments(ended, [*open_segments, *images]),
        instances=[instance for instance in instances if instance.is_active],
        images=images,
        has_unreadable_records=None in stored_images
        or any(isinstance(record, UnreadableRecord) for record in records.values()),
    )
