"""Packages of the fake apt: the available ones, the installed ones, and their files.

An "installed" package is only an entry in dpkg's list. The machine runs the programs of this computer in any case.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from . import nvidia_repository
from .system_release import BOOT_ID, DRIVER_BOOT_FILE, read_version

STOCK = {
    "acl": "2.3.1-1",
    "build-essential": "12.9ubuntu3",
    "ca-certificates": "20240203~22.04.1",
    "curl": "7.81.0-1ubuntu1.20",
    "cuda-toolkit-10-1": "10.1.243-1",
    "git": "1:2.34.1-1ubuntu1.12",
    "gnupg": "2.2.27-3ubuntu2.1",
    "htop": "3.0.5-7build2",
    "jq": "1.6-2.1ubuntu3",
    "libgfortran3": "6.5.0-2ubuntu1~18.04",
    "libgomp1": "12.3.0-1ubuntu1~22.04",
    "nvidia-headless-470-server": "470.256.02-0ubuntu0.18.04.1",
    "nvidia-utils-470-server": "470.256.02-0ubuntu0.18.04.1",
    "nvme-cli": "1.16-3ubuntu0.3",
    "python3": "3.10.6-1~22.04.1",
    "python3-dev": "3.10.6-1~22.04.1",
    "python3-pip": "22.0.2+dfsg-1ubuntu0.5",
    "python3-venv": "3.10.6-1~22.04.1",
    "tmux": "3.2a-4ubuntu0.2",
    "unzip": "6.0-26ubuntu3.2",
    "wget": "1.21.2-2ubuntu1.1",
    "zip": "3.0-12build2",
}
"""Versions of the known packages, by name."""

_BIONIC_ONLY = ("libgfortran3", "nvidia-headless-470-server", "nvidia-utils-470-server")
_NVIDIA_PACKAGES = ("cuda-toolkit-10-1",)
_SOURCE_FOLDER = Path("/etc/apt/sources.list.d")
_SOURCE = re.compile(r"deb \[signed-by=(?P<key>\S+)\] file://(?P<folder>\S+) /\n")
_CUDA = Path("/usr/local/cuda-10.1")
_PREINSTALLED = ("ca-certificates", "curl", "git", "python3", "wget")
_STATUS = Path("/var/lib/dpkg/status")


def read_installed() -> set[str]:
    """Return the names of the installed packages."""
    if not _STATUS.exists():
        return set(_PREINSTALLED)
    lines = _STATUS.read_text().splitlines()
    return {line.removeprefix("Package: ") for line in lines if line.startswith("Package: ")} & set(STOCK)


def write_installed(names: set[str]) -> None:
    """Replace dpkg's list of installed packages."""
    _STATUS.parent.mkdir(parents=True, exist_ok=True)
    _STATUS.write_text(
        "".join(f"Package: {name}\nStatus: install ok installed\nVersion: {STOCK[name]}\n\n" for name in sorted(names))
    )


def is_available(name: str) -> bool:
    """Return whether a source of this machine has the package."""
    if name in _BIONIC_ONLY and read_version() != "18.04":
        return False
    if name in _NVIDIA_PACKAGES:
        return any(_offers_package(source.read_text(), name) for source in _SOURCE_FOLDER.glob("*.list"))
    return name in STOCK


def _offers_package(source: str, name: str) -> bool:
    """Return whether a local repository has the package, and its key and index are the known ones."""
    match = _SOURCE.fullmatch(source)
    if match is None:
        return False
    folder = Path(match["folder"])
    try:
        is_trusted = (
            Path(match["key"]).read_bytes() == nvidia_repository.KEY
            and (folder / "Release").read_bytes() == nvidia_repository.RELEASE
        )
        return (
            is_trusted
            and f"Package: {name}\n".encode() in nvidia_repository.PACKAGES == (folder / "Packages").read_bytes()
        )
    except OSError:
        return False


def create_files(names: Sequence[str]) -> None:
    """Create those files of installed packages that later steps of setups use."""
    if "nvidia-headless-470-server" in names:
        DRIVER_BOOT_FILE.write_text(BOOT_ID.read_text())
    if "cuda-toolkit-10-1" in names:
        (_CUDA / "lib64").mkdir(parents=True, exist_ok=True)
        link = _CUDA.with_name("cuda")
        link.unlink(missing_ok=True)
        link.symlink_to(_CUDA.name)
