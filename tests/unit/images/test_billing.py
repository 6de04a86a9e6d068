"""What is billed of images."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.images.billing import find_ended_segment, get_image_segment
from chalicelib.domain.images.record import ImagePhase
from chalicelib.domain.images.transitions import to_available, to_deleted
from chalicelib.domain.instances.billed_segment import compute_segment_cost
from tests.unit.images.test_creation import AMI, NOW, build_image

HOUR = timedelta(hours=1)
PENDING = build_image(ImagePhase.PENDING, gib_price_per_hour=Decimal("0.01"), project="vision")
AVAILABLE = to_available(PENDING, AMI, NOW)


def test_image_is_billed_from_its_completion_to_its_deletion_in_the_name_of_its_instance() -> None:
    assert get_image_segment(PENDING, NOW + HOUR) is None
    deleting = replace(AVAILABLE, phase=ImagePhase.DELETING, phase_since=NOW + HOUR)
    deleted = to_deleted(deleting, NOW + 2 * HOUR)
    segment = find_ended_segment(deleting, deleted, NOW + 2 * HOUR)
    assert segment is not None
    assert compute_segment_cost(segment) == Decimal("1.28")
    assert (segment.instance_id, segment.image_id, segment.project) == ("gd-1", "gi-1", "vision")
    assert find_ended_segment(AVAILABLE, deleting, NOW + HOUR) is None
    assert get_image_segment(deleted, NOW + 3 * HOUR) is None


def test_image_recorded_without_a_price_has_no_known_cost() -> None:
    old = build_image(ImagePhase.AVAILABLE)
    segment = get_image_segment(old, NOW + HOUR)
    assert segment is not None
    assert segment.has_unknown_cost
