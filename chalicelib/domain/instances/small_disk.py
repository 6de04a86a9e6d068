"""Warn of a root disk with little space beside a public image, before the launch and at it."""

MIN_FREE_GIB = 20
"""Less free space than this is worth a warning: a setup with PyTorch alone needs about 10 GiB."""


def describe_small_disk(disk_gib: int, snapshot_gib: int) -> str | None:
    """Return how much space a disk has and what to do, as sentences; None if it has enough.

    :param snapshot_gib: the size of the public image, which takes this much of the disk
    """
    free_gib = max(0, disk_gib - snapshot_gib)
    if free_gib >= MIN_FREE_GIB:
        return None
    return (
        f"The disk of {disk_gib} GiB has about {free_gib} GiB free: the image has {snapshot_gib} GiB. Setups and "
        f"notebooks may fail for lack of space. If that is too little, launch another instance with disk_gib "
        f"{snapshot_gib + MIN_FREE_GIB} or more, or without disk_gib."
    )
