"""Verbs of the fake `systemctl` that read unit files: it enables units by links, like systemd."""

import sys
from collections.abc import Sequence
from pathlib import Path

from local.machines.inside import units


def enable(names: Sequence[str]) -> int:
    """Link units into the folders of their targets. Return 1 if a unit does not exist."""
    for name in names:
        try:
            path, unit = units.find(name), units.load(name)
        except units.UnitError:
            full_name = units.complete_name(name)
            print(f"Failed to enable unit: Unit file {full_name} does not exist.", file=sys.stderr)
            return 1
        if not unit.wanted_by:
            print("The unit files have no installation config (WantedBy=, ...).", file=sys.stderr)
        folders = [
            *(f"{target}.wants" for target in unit.wanted_by),
            *(f"{target}.requires" for target in unit.required_by),
        ]
        for folder in folders:
            link = units.UNIT_FOLDERS[0] / folder / unit.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(path)
                print(f"Created symlink {link} → {path}.", file=sys.stderr)
    return 0


def disable(names: Sequence[str]) -> None:
    """Remove the links of units."""
    for name in names:
        for link in Path(units.UNIT_FOLDERS[0]).glob(f"*.*s/{units.complete_name(name)}"):
            link.unlink()
            print(f"Removed {link}.", file=sys.stderr)


def print_files(names: Sequence[str]) -> int:
    """Print unit files. Return 1 if a unit does not exist."""
    for name in names:
        try:
            path = units.find(name)
        except units.UnitError:
            print(f"No files found for {units.complete_name(name)}.", file=sys.stderr)
            return 1
        print(f"# {path}\n{path.read_text()}")
    return 0
