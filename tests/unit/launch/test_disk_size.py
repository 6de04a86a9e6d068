"""The size of the root disk: the total that is requested, or the free space beside the image."""

from dataclasses import replace

import pytest

from chalicelib.domain.images.record import Image, ImagePhase
from chalicelib.domain.launch.disk_size import DiskSize, choose_disk_size, list_disk_warnings
from tests.unit.images.test_creation import build_image

OWN_IMAGE = replace(build_image(ImagePhase.AVAILABLE), disk_gib=150)


@pytest.mark.parametrize(
    ("requested", "default", "image", "expected"),
    [
        (50, None, None, DiskSize(50)),
        (50, 100, None, DiskSize(50)),
        (200, None, OWN_IMAGE, DiskSize(200)),
        (None, None, None, DiskSize(99, 64)),
        (None, 100, None, DiskSize(100)),
        (None, 4000, None, DiskSize(2048)),
        (None, None, OWN_IMAGE, DiskSize(150)),
        (None, 400, OWN_IMAGE, DiskSize(150)),
    ],
)
def test_size_is_that_of_the_request_of_the_own_image_of_the_desk_or_of_the_public_image(
    requested: int | None, default: int | None, image: Image | None, expected: DiskSize
) -> None:
    assert choose_disk_size(requested, default, 2048, image, None if image else 35) == expected


def test_default_is_reduced_to_the_limit() -> None:
    assert choose_disk_size(None, None, 80, None, 35) == DiskSize(80)


@pytest.mark.parametrize(
    ("disk_gib", "image", "snapshot_gib", "free"),
    [(30, None, 35, 0), (54, None, 35, 19), (55, None, 35, None), (10, None, None, None), (8, OWN_IMAGE, 35, None)],
)
def test_less_than_20_gib_beside_a_public_image_is_a_warning(
    disk_gib: int, image: Image | None, snapshot_gib: int | None, free: int | None
) -> None:
    messages = [warning.message for warning in list_disk_warnings(disk_gib, image, snapshot_gib)]
    assert len(messages) == (free is not None)
    for message in messages:
        assert f"has about {free} GiB free" in message
        assert "with disk_gib 55 or more" in message
