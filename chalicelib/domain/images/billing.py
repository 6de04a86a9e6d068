"""Bill the snapshots of images, from their completion until they are deleted.

AWS bills a snapshot for its blocks with data, and gpudesk does not know their number: it counts the whole size of the
disk, which is the most that the snapshots can cost (https://aws.amazon.com/ebs/pricing/).
"""

from datetime import datetime

from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import BillingState, Rates


def get_image_segment(image: Image, until: datetime) -> BilledSegment | None:
    """Return what is billed of an image as if it ended at `until`, under its instance; None if nothing is billed.

    An image that was recorded before its price was has no known cost.
    """
    since = image.billed_since or (image.phase_since if image.phase is ImagePhase.AVAILABLE else None)
    if since is None or image.phase is ImagePhase.DELETED or until <= since:
        return None
    price = image.gib_price_per_hour
    return BilledSegment(
        owner=image.owner,
        instance_id=image.source.instance_id,
        name=image.source.instance_name,
        project=image.project,
        state=BillingState.IMAGE,
        since=since,
        until=until,
        rates=Rates(disk=None if price is None else price * image.disk_gib),
        image_id=image.id,
    )


def find_ended_segment(before: Image, after: Image, now: datetime) -> BilledSegment | None:
    """Return what is billed of an image that this change deletes; None if it deletes none."""
    is_deleted = after.phase is ImagePhase.DELETED and before.phase is not ImagePhase.DELETED
    return get_image_segment(before, now) if is_deleted else None
