"""Choose the size of the root disk. `disk_gib` is the total, as in EC2; what counts for people is the free space."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.images.record import Image
from chalicelib.domain.instances.small_disk import describe_small_disk
from chalicelib.domain.launch.field_checks import MIN_DISK_GIB

DEFAULT_FREE_GIB = 64
"""Space beside the public image if neither the request nor the desk names a size."""


@dataclass(frozen=True)
class DiskSize:
    """The root disk of a launch.

    :param disk_gib: its total size; a public image may make it larger at the launch
    :param free_gib: space that it must have beside the image; None: `disk_gib` decides
    """

    disk_gib: int
    free_gib: int | None = None


def choose_disk_size(
    requested: int | None, default: int | None, limit: int, image: Image | None, snapshot_gib: int | None
) -> DiskSize:
    """Return the requested size, or that of the own image, of the desk, or of the public image plus 64 GiB.

    An own image keeps its size: otherwise each image of an image would grow.

    :param default: the default of the desk; None: the size of the public image decides
    :param limit: the limit of the desk, which reduces a default
    :param snapshot_gib: the size of the public image as the catalog knows it; None: unknown
    """
    if requested is not None:
        return DiskSize(max(requested, image.disk_gib if image else 0))
    if image:
        return DiskSize(image.disk_gib)
    if default is not None:
        return DiskSize(min(default, limit))
    total = (snapshot_gib or MIN_DISK_GIB) + DEFAULT_FREE_GIB
    return DiskSize(total, DEFAULT_FREE_GIB) if total <= limit else DiskSize(limit)


def list_disk_warnings(disk_gib: int, image: Image | None, snapshot_gib: int | None) -> Iterator[WriteWarning]:
    """Yield a warning if less than `MIN_FREE_GIB` is free beside a public image of a known size."""
    message = None if image or snapshot_gib is None else describe_small_disk(disk_gib, snapshot_gib)
    if message:
        yield WriteWarning(WarningCode.DISK_NEARLY_FULL, message)
