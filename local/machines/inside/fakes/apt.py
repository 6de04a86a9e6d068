"""Fake `apt-get`, `apt` and `dpkg`: a short list of packages, apt's messages and exit codes, no downloads.

An "installed" package is a line in dpkg's list. Its programs are this computer's own, if it has them.
"""

import fcntl
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from .internet import nvidia
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
BIONIC_ONLY = ("libgfortran3", "nvidia-headless-470-server", "nvidia-utils-470-server")
NVIDIA_PACKAGES = ("cuda-toolkit-10-1",)
SOURCE_FOLDER = Path("/etc/apt/sources.list.d")
SOURCE = re.compile(r"deb \[signed-by=(?P<key>\S+)\] file://(?P<folder>\S+) /\n")
CUDA = Path("/usr/local/cuda-10.1")
PREINSTALLED = ("ca-certificates", "curl", "git", "python3", "wget")
STATUS = Path("/var/lib/dpkg/status")
LOCK = Path("/var/lib/dpkg/lock-frontend")
NOT_FOUND = 100
OPTIONS_WITH_VALUE = ("-o", "--option", "-c", "-t", "-a")


def main(arguments: Sequence[str]) -> int:
    """Run apt-get and apt."""
    words = _without_options(arguments)
    verb, packages = (words[0], words[1:]) if words else ("", [])
    match verb:
        case "update":
            print("Hit:1 http://archive.ubuntu.com/ubuntu jammy InRelease\nReading package lists... Done")
            return 0
        case "install":
            return _with_lock(lambda: _install(packages))
        case "remove" | "purge":
            return _with_lock(lambda: _remove(packages))
        case "upgrade" | "dist-upgrade" | "full-upgrade" | "autoremove" | "clean" | "autoclean" | "check":
            print("Reading package lists... Done\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.")
            return 0
        case "list":
            print("Listing... Done")
            for name in sorted(_read_installed()):
                print(f"{name}/jammy,now {STOCK[name]} amd64 [installed]")
            return 0
        case _:
            print(f"E: Invalid operation {verb}", file=sys.stderr)
            return NOT_FOUND


def dpkg(arguments: Sequence[str]) -> int:
    """Run the queries of dpkg. It installs no package files."""
    names = [word for word in arguments if not word.startswith("-")]
    if {"-s", "--status", "-l", "--list"} & set(arguments):
        missing = [name for name in names if name not in _read_installed()]
        for name in missing:
            print(f"dpkg-query: package '{name}' is not installed and no information is available", file=sys.stderr)
        for name in sorted(set(names or _read_installed()) - set(missing)):
            print(f"Package: {name}\nStatus: install ok installed\nVersion: {STOCK[name]}\n")
        return 1 if missing else 0
    if "--print-architecture" in arguments:
        print("amd64")
        return 0
    if "--configure" in arguments:
        return 0
    print("dpkg: error: this machine takes packages from its stock only", file=sys.stderr)
    return 2


def _without_options(arguments: Sequence[str]) -> list[str]:
    rest = iter(arguments)
    words = []
    for word in rest:
        if word in OPTIONS_WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            words.append(word)
    return words


def _with_lock(run: Callable[[], int]) -> int:
    with _lock() as is_locked:
        if is_locked:
            return run()
    print(
        f"E: Could not get lock {LOCK}. It is held by another process\n"
        f"E: Unable to acquire the dpkg frontend lock ({LOCK}), is another process using it?",
        file=sys.stderr,
    )
    return NOT_FOUND


@contextmanager
def _lock() -> Iterator[bool]:
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _install(packages: Sequence[str]) -> int:
    print("Reading package lists...\nBuilding dependency tree...\nReading state information...")
    names = [package.partition("=")[0].partition("/")[0] for package in packages]
    names = [name for name in names if name != f"linux-headers-{os.uname().release}"]
    unknown = [name for name in names if not _is_available(name)]
    if unknown:
        for name in unknown:
            print(f"E: Unable to locate package {name}", file=sys.stderr)
        return NOT_FOUND
    installed = _read_installed()
    new = [name for name in dict.fromkeys(names) if name not in installed]
    for name in names:
        if name in installed:
            print(f"{name} is already the newest version ({STOCK[name]}).")
    print(f"0 upgraded, {len(new)} newly installed, 0 to remove and 0 not upgraded.")
    for name in new:
        print(f"Setting up {name} ({STOCK[name]}) ...")
    _write_installed(installed | set(new))
    _create_files(new)
    return 0


def _is_available(name: str) -> bool:
    if name in BIONIC_ONLY and read_version() != "18.04":
        return False
    if name in NVIDIA_PACKAGES:
        return any(_offers_package(source.read_text(), name) for source in SOURCE_FOLDER.glob("*.list"))
    return name in STOCK


def _offers_package(source: str, name: str) -> bool:
    """Return whether a local repository has the package and its index is the one that its key signs."""
    match = SOURCE.fullmatch(source)
    if match is None:
        return False
    folder = Path(match["folder"])
    try:
        trusted = Path(match["key"]).read_bytes() == nvidia.KEY and (folder / "Release").read_bytes() == nvidia.RELEASE
        return trusted and f"Package: {name}\n".encode() in nvidia.PACKAGES == (folder / "Packages").read_bytes()
    except OSError:
        return False


def _create_files(names: Sequence[str]) -> None:
    """Create the few files that later steps of setups read."""
    if "nvidia-headless-470-server" in names:
        DRIVER_BOOT_FILE.write_text(BOOT_ID.read_text())
    if "cuda-toolkit-10-1" in names:
        (CUDA / "lib64").mkdir(parents=True, exist_ok=True)
        link = CUDA.with_name("cuda")
        link.unlink(missing_ok=True)
        link.symlink_to(CUDA.name)


def _remove(packages: Sequence[str]) -> int:
    installed = _read_installed()
    removed = installed & set(packages)
    for name in sorted(removed):
        print(f"Removing {name} ({STOCK[name]}) ...")
    _write_installed(installed - removed)
    return 0


def _read_installed() -> set[str]:
    if not STATUS.exists():
        return set(PREINSTALLED)
    lines = STATUS.read_text().splitlines()
    return {line.removeprefix("Package: ") for line in lines if line.startswith("Package: ")} & set(STOCK)


def _write_installed(names: set[str]) -> None:
    STATUS.parent.mkdir(parents=True, exist_ok=True)
    STATUS.write_text(
        "".join(f"Package: {name}\nStatus: install ok installed\nVersion: {STOCK[name]}\n\n" for name in sorted(names))
    )
