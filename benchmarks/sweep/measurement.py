"""Start the processes of the benchmark, and read what they have measured."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

SWEEPS = 2


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The costs of a sweep of `count` instances: those of the second one of a process, unless stated otherwise.

    :param first_cpu_seconds: CPU time from the start of the process to the end of its first sweep
    :param index_pages: how many pages the records take in the index
    """

    count: int
    index_pages: int
    calls: Mapping[str, int]
    requests: int
    first_cpu_seconds: float
    cpu_seconds: float
    peak_mb: float
    read_bytes: int
    examined: int


class ServedCloud:
    """A local cloud in a process of its own.

    :ivar environment: the variables of a process that uses it
    """

    def __init__(self, count: int) -> None:
        """Start the cloud with `count` ready instances."""
        self.count = count
        self._process = Worker("benchmarks.sweep.cloud", [str(count)])
        description = self._process.read()
        self.now: str = description["now"]
        self.index_pages: int = description["index_pages"]
        self.environment: dict[str, str] = {"AWS_ENDPOINT_URL": description["url"], **description["settings"]}

    def read_counts(self) -> dict[str, Any]:
        """Return the calls and bytes since the last call of this method."""
        return self._process.proceed()

    def __enter__(self) -> Self:
        """Return the started cloud."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.close()


class Worker:
    """A module that runs as a process and exchanges lines with this one."""

    def __init__(self, module: str, arguments: list[str], environment: Mapping[str, str] | None = None) -> None:
        """Start the process."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def read(self) -> dict[str, Any]:
        """Return the next line of its output.

        :raises RuntimeError: it has ended
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} has ended with status {self._process.wait()}.")
        value: dict[str, Any] = json.loads(line)
        return value

    def proceed(self) -> dict[str, Any]:
        """Let it continue, and return the next line of its output."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self.read()

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def measure_product(cloud: ServedCloud) -> Measurement:
    """Sweep twice in a new process, and return what the second sweep cost.

    :raises RuntimeError: a sweep did not examine all instances
    """
    product = Worker("benchmarks.sweep.product", [cloud.now, str(SWEEPS)], cloud.environment)
    started = product.read()["cpu_seconds"]
    cloud.read_counts()
    first = product.proceed()
    cloud.read_counts()
    second = product.proceed()
    counts = cloud.read_counts()
    product.close()
    for sweep in (first, second):
        if sweep["failed"] or sweep["examined"] != cloud.count:
            raise RuntimeError(f"The sweep of {cloud.count} instances failed: {sweep}.")
    return Measurement(
        count=cloud.count,
        index_pages=cloud.index_pages,
        calls=counts["calls"],
        requests=counts["requests"],
        first_cpu_seconds=started + first["cpu_seconds"],
        cpu_seconds=second["cpu_seconds"],
        peak_mb=second["peak_mb"],
        read_bytes=counts["sent_bytes"],
        examined=second["examined"],
    )
