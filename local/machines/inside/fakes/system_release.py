"""Release of Ubuntu on the machine, and its parts: the C library and NVIDIA's driver."""

from pathlib import Path

GLIBC_VERSIONS = {"18.04": "2.27", "20.04": "2.31", "22.04": "2.35", "24.04": "2.39"}
DRIVER_BOOT_FILE = Path("/var/lib/dpkg/nvidia-driver-built-in-boot")
"""File with the id of the boot in which the driver was installed. The driver works from the next boot on."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def read_version() -> str:
    """Return the release, such as "22.04"."""
    lines = Path("/etc/os-release").read_text().splitlines()
    return next(line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_ID="))


def find_glibc_version() -> str:
    """Return the version of the C library."""
    return GLIBC_VERSIONS[read_version()]


def has_driver() -> bool:
    """Return whether NVIDIA's driver is loaded. Only the image of Ubuntu 18.04 does not contain it."""
    if read_version() != "18.04":
        return True
    return DRIVER_BOOT_FILE.exists() and DRIVER_BOOT_FILE.read_text() != BOOT_ID.read_text()
