"""Which Ubuntu the machine passes for."""

from pathlib import Path

GLIBC = {"18.04": "2.27", "20.04": "2.31", "22.04": "2.35", "24.04": "2.39"}
DRIVER_BUILT_IN = Path("/var/lib/dpkg/nvidia-driver-built-in-boot")
"""The boot in which the driver was installed on an image that had none: it works from the next one on."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def version() -> str:
    """ "22.04" and its like."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return next(line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_ID="))


def glibc() -> str:
    """The C library's version."""
    return GLIBC[version()]


def has_driver() -> bool:
    """Whether NVIDIA's driver is loaded. The image of 18.04 comes without it, those of later releases have it."""
    if version() != "18.04":
        return True
    return DRIVER_BUILT_IN.exists() and DRIVER_BUILT_IN.read_text() != BOOT_ID.read_text()
