"""Fake `df`, whose free space can be ordered. The machine's root disk is a folder of this computer."""

import shutil
import sys
from collections.abc import Sequence

from .faults import read_number

MIB_OF_A_NEW_INSTANCE = 50_000
UNITS = {"-BM": 1, "-BG": 1024}


def main(arguments: Sequence[str]) -> int:
    """Run `df [-h] PATH` and `df --output=avail -BM|-BG PATH`."""
    ordered = read_number("free-mib")
    free = MIB_OF_A_NEW_INSTANCE if ordered is None else int(ordered)
    if "--output=avail" in arguments:
        unit = next((word for word in arguments if word in UNITS), "-BM")
        print(f"Avail\n{free // UNITS[unit]}{unit[-1]}")
        return 0
    total = shutil.disk_usage("/").total // 2**20
    print("Filesystem     1M-blocks     Used Available Mounted on")
    print(f"/dev/root      {total:9} {total - free:8} {free:9} /", file=sys.stdout)
    return 0
