"""Fake `apt-mark` and `dpkg-query`: packages that are held, and installed packages by pattern."""

import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from .apt_packages import STOCK, read_installed

HELD = Path("/var/lib/dpkg/held")


def apt_mark(arguments: Sequence[str]) -> int:
    """Run `apt-mark hold|unhold PACKAGE...` or `apt-mark showhold`."""
    verb, *names = [word for word in arguments if not word.startswith("-")]
    if verb == "showhold":
        print("\n".join(sorted(read_held())))
        return 0
    if unknown := [name for name in names if name not in STOCK]:
        print(f"E: Unable to locate package {unknown[0]}", file=sys.stderr)
        return 100
    held = read_held() | set(names) if verb == "hold" else read_held() - set(names)
    HELD.write_text("".join(f"{name}\n" for name in sorted(held)))
    for name in names:
        print(f"{name} set on hold." if verb == "hold" else f"Canceled hold on {name}.")
    return 0


def dpkg_query(arguments: Sequence[str]) -> int:
    """Run `dpkg-query --show --showformat '${db:Status-Status} ${Package}\\n' PATTERN...`."""
    patterns = [word for word in arguments if not word.startswith("-") and "$" not in word]
    installed = sorted(read_installed())
    found = [name for name in installed if any(fnmatchcase(name, pattern) for pattern in patterns)]
    for name in found:
        print(f"installed {name}")
    missing = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in installed)]
    for pattern in missing:
        print(f"dpkg-query: no packages found matching {pattern}", file=sys.stderr)
    return 1 if missing else 0


def read_held() -> set[str]:
    """Return the names of the held packages."""
    return set(HELD.read_text().split()) if HELD.exists() else set()
