"""Fake `apt-get`, `apt` and `dpkg`: a short list of packages, the messages and exit codes of apt, and no downloads."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from .apt_packages import STOCK, create_files, is_available, read_installed, write_installed
from .dpkg_state import EXIT_ERROR, LISTS_LOCK, LOCK, configure, is_interrupted, run_dpkg, run_locked
from .faults import has_fault
from .needrestart import restart_services

LIST = Path("/var/lib/apt/lists/archive.ubuntu.com_ubuntu_dists_jammy_InRelease")
"""Exists after the first update. The images of Ubuntu have no lists."""

OPTIONS_WITH_VALUE = ("-o", "--option", "-c", "-t", "-a")


def main(arguments: Sequence[str]) -> int:
    """Run apt-get or apt."""
    words = _strip_options(arguments)
    verb, packages = (words[0], words[1:]) if words else ("", [])
    match verb:
        case "update":
            return run_locked(LISTS_LOCK, _update)
        case "install":
            return _run_locked(lambda: _install(packages))
        case "remove" | "purge":
            return _run_locked(lambda: _remove(packages))
        case "upgrade" | "dist-upgrade" | "full-upgrade":
            print("Reading package lists... Done\n1 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.")
            restart_services()
            return 0
        case "autoremove" | "clean" | "autoclean" | "check":
            print("Reading package lists... Done\n0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.")
            return 0
        case "list":
            print("Listing... Done")
            for name in sorted(read_installed()):
                print(f"{name}/jammy,now {STOCK[name]} amd64 [installed]")
            return 0
        case _:
            print(f"E: Invalid operation {verb}", file=sys.stderr)
            return EXIT_ERROR


def dpkg(arguments: Sequence[str]) -> int:
    """Run a query of dpkg, or `dpkg --configure`. Package files cannot be installed."""
    names = [word for word in arguments if not word.startswith("-")]
    if {"-s", "--status", "-l", "--list"} & set(arguments):
        missing = [name for name in names if name not in read_installed()]
        for name in missing:
            print(f"dpkg-query: package '{name}' is not installed and no information is available", file=sys.stderr)
        for name in sorted(set(names or read_installed()) - set(missing)):
            print(f"Package: {name}\nStatus: install ok installed\nVersion: {STOCK[name]}\n")
        return 1 if missing else 0
    if "--print-architecture" in arguments:
        print("amd64")
        return 0
    if "--configure" in arguments:
        return configure()
    print("dpkg: error: this fake dpkg cannot install package files", file=sys.stderr)
    return 2


def _strip_options(arguments: Sequence[str]) -> list[str]:
    rest = iter(arguments)
    words = []
    for word in rest:
        if word in OPTIONS_WITH_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            words.append(word)
    return words


def _run_locked(run: Callable[[], int]) -> int:
    return run_locked(LOCK, lambda: EXIT_ERROR if is_interrupted() else run())


def _update() -> int:
    if has_fault("unresolved-mirror"):
        host = "us-east-1.ec2.archive.ubuntu.com"
        print(
            f"W: Failed to fetch http://{host}/ubuntu/dists/jammy/InRelease  Temporary failure resolving '{host}'\n"
            "W: Some index files failed to download. They have been ignored, or old ones used instead.",
            file=sys.stderr,
        )
        return 0
    print("Hit:1 http://archive.ubuntu.com/ubuntu jammy InRelease\nReading package lists... Done")
    LIST.touch()
    if has_fault("broken-list"):
        url = "https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2204/x86_64  InRelease"
        print(f"E: The repository '{url}' is not signed.", file=sys.stderr)
        return EXIT_ERROR
    return 0


def _install(packages: Sequence[str]) -> int:
    print("Reading package lists...\nBuilding dependency tree...\nReading state information...")
    names = [package.partition("=")[0].partition("/")[0] for package in packages]
    names = [name for name in names if name != f"linux-headers-{os.uname().release}"]
    unknown = [name for name in names if not (is_available(name) and (LIST.exists() or name in read_installed()))]
    if unknown:
        for name in unknown:
            print(f"E: Unable to locate package {name}", file=sys.stderr)
        return EXIT_ERROR
    installed = read_installed()
    new = [name for name in dict.fromkeys(names) if name not in installed]
    for name in names:
        if name in installed:
            print(f"{name} is already the newest version ({STOCK[name]}).")
    print(f"0 upgraded, {len(new)} newly installed, 0 to remove and 0 not upgraded.")
    if new:
        run_dpkg()
    for name in new:
        print(f"Setting up {name} ({STOCK[name]}) ...")
    write_installed(installed | set(new))
    create_files(new)
    return 0


def _remove(packages: Sequence[str]) -> int:
    installed = read_installed()
    removed = installed & set(packages)
    for name in sorted(removed):
        print(f"Removing {name} ({STOCK[name]}) ...")
    write_installed(installed - removed)
    return 0
