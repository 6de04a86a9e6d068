"""Faults of a machine's package mirrors and disk, as files in one folder. A test or a person creates them.

- `unresolved-mirror`: the names of Ubuntu's mirrors do not resolve. `apt-get update` only warns.
- `broken-list`: the list of a foreign repository is not signed. `apt-get update` fails.
- `slow-dpkg`: contains seconds. dpkg takes so long, in a session of its own, and survives apt-get.
- `free-mib`: contains the free space of the root disk in MiB.
"""

from pathlib import Path

FOLDER = Path("/var/lib/fake-faults")


def has_fault(name: str) -> bool:
    """Return whether the fault was ordered."""
    return (FOLDER / name).exists()


def read_number(name: str) -> float | None:
    """Return the number in the file of a fault, or None if it was not ordered."""
    try:
        return float((FOLDER / name).read_text())
    except FileNotFoundError:
        return None
