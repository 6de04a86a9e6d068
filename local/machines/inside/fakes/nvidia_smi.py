"""Fake `nvidia-smi`, which prints the utilization of the GPUs that the host has set."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from .system_release import has_driver

DEVICE_FILE = Path("/.machine/device/gpu.json")
DRIVER = "550.144.03"
EXIT_NO_DRIVER = 9
NO_DRIVER_MESSAGE = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
    "driver is installed and running."
)
IDLE_MEMORY_MIB = 3
BUSY_SHARE_OF_MEMORY = 0.3


def main(arguments: Sequence[str]) -> int:
    """Print the table, `-L`, or `--query-gpu=... --format=csv[,noheader][,nounits]`."""
    if not has_driver():
        print(NO_DRIVER_MESSAGE)
        return EXIT_NO_DRIVER
    gpus = _read_gpus()
    options = {word.partition("=")[0]: word.partition("=")[2] for word in arguments}
    if "-L" in options or "--list-gpus" in options:
        for gpu in gpus:
            print(f"GPU {gpu['index']}: {gpu['name']} (UUID: {gpu['uuid']})")
    elif "--query-gpu" in options:
        return _print_query(options["--query-gpu"].split(","), options.get("--format", "").split(","), gpus)
    elif "--query-compute-apps" in options:
        return 0
    else:
        _print_table(gpus)
    return 0


def _read_gpus() -> list[dict[str, str]]:
    device = json.loads(DEVICE_FILE.read_text())
    total = device["memory_mib"]
    return [
        {
            "index": str(index),
            "name": device["name"],
            "gpu_name": device["name"],
            "uuid": f"GPU-{index:08x}-0000-4000-8000-000000000000",
            "driver_version": DRIVER,
            "utilization.gpu": f"{percent} %",
            "utilization.memory": f"{percent // 2} %",
            "memory.used": f"{round(total * BUSY_SHARE_OF_MEMORY) if percent else IDLE_MEMORY_MIB} MiB",
            "memory.total": f"{total} MiB",
            "temperature.gpu": str(30 + percent // 2),
        }
        for index, percent in enumerate(device["utilization"])
    ]


def _print_query(fields: Sequence[str], form: Sequence[str], gpus: Sequence[dict[str, str]]) -> int:
    fields = [field.strip() for field in fields]
    unknown = [field for field in fields if gpus and field not in gpus[0]]
    if unknown:
        print(f'Field "{unknown[0]}" is not a valid field to query.', file=sys.stderr)
        return 2
    if "noheader" not in form:
        units = {"%": "[%]", "MiB": "[MiB]"}
        print(", ".join(f"{field} {units.get(gpus[0][field].rpartition(' ')[2], '')}".strip() for field in fields))
    for gpu in gpus:
        values = [gpu[field] for field in fields]
        if "nounits" in form:
            values = [value.removesuffix(" %").removesuffix(" MiB") for value in values]
        print(", ".join(values))
    return 0


def _print_table(gpus: Sequence[dict[str, str]]) -> None:
    line = "+" + "-" * 77 + "+"
    print(line)
    print(f"| NVIDIA-SMI {DRIVER}   Driver Version: {DRIVER}   CUDA Version: 12.4".ljust(78) + "|")
    print(line)
    for gpu in gpus:
        memory = f"{gpu['memory.used']} / {gpu['memory.total']}".replace(" MiB", "MiB")
        print(f"| {gpu['index']:>3}  {gpu['name']:<28} {memory:>26} {gpu['utilization.gpu']:>8}".ljust(78) + "|")
    print(line)
