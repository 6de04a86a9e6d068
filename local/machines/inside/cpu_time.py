"""CPU time of the machine. The /proc/stat of the kernel counts the whole computer.

Every second the first process adds up the CPU time of the machine's processes, including ended ones. It writes the sum
in the format of the kernel to a file that is mounted over /proc/stat.
"""

import os
from pathlib import Path

FILE = Path("/.machine/stat")
INTERVAL_SECONDS = 1.0


def write_cpu_time() -> None:
    """Write the CPU time used so far."""
    used = sum(_read_ticks(int(name)) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - names
    cores = "".join(f"cpu{number} {used if number == 0 else 0} 0 0 0 0 0 0 0 0 0\n" for number in range(_count_cores()))
    FILE.write_text(f"cpu  {used} 0 0 0 0 0 0 0 0 0\n{cores}")


def _read_ticks(pid: int) -> int:
    """Return the ticks of a process and of its children that have ended and were waited for."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _count_cores() -> int:
    return len(os.sched_getaffinity(0))
