"""Join the segments of the ledger with those that have not ended."""

from collections.abc import Iterable

from chalicelib.domain.instances.billed_segment import BilledSegment


def join_segments(ended: Iterable[BilledSegment], still_open: Iterable[BilledSegment]) -> list[BilledSegment]:
    """Return all segments, each once. One that ended between the two reads is in both, and counts as ended."""
    segments = {_get_key(segment): segment for segment in still_open}
    segments |= {_get_key(segment): segment for segment in ended}
    return list(segments.values())


def _get_key(segment: BilledSegment) -> tuple[object, ...]:
    return segment.image_id or segment.instance_id, segment.since
