"""The local cloud's clock for a function that runs on it: part of Lambda's double, and not of the package.

Python imports this module at its start, because its folder is on PYTHONPATH. It replaces the methods of the package's
`SystemClock`. A copy of the answer of `/_local/clock` is used for a quarter of a second.
"""

import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import ModuleType

URL = os.environ.pop("LOCAL_CLOCK_URL", "")
MODULE = "chalicelib.domain.common.clock"
KEEP_SECONDS = 0.25
TIMEOUT_SECONDS = 10


class CloudTime:
    """Time of the local cloud, which runs on between two answers."""

    def __init__(self) -> None:
        """Start without an answer."""
        self._read_at = -KEEP_SECONDS
        self._base, self._speed = datetime.now(UTC), 1.0

    def now(self) -> datetime:
        """Return the present time of the cloud."""
        self._refresh()
        return self._base + timedelta(seconds=(time.monotonic() - self._read_at) * self._speed)

    def scale(self, timeout: timedelta) -> timedelta:
        """Return the cloud time that passes while a script runs for `timeout` of real time.

        Scripts follow a clock that a test moves by hand. It has no speed.
        """
        self._refresh()
        return timeout * (self._speed or 1.0)

    def _refresh(self) -> None:
        if time.monotonic() - self._read_at < KEEP_SECONDS:
            return
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(URL, timeout=TIMEOUT_SECONDS) as response:
            answer = json.load(response)
        self._read_at = time.monotonic()
        self._base, self._speed = datetime.fromisoformat(answer["now"]), answer["speed"]


class ClockLoader(importlib.abc.Loader):
    """Loader that changes the module of the clock after its import."""

    def __init__(self, original: importlib.abc.Loader) -> None:
        """Wrap a loader."""
        self._original = original

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """Let the original loader create the module."""
        return self._original.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then lead its clock to the local cloud."""
        self._original.exec_module(module)
        cloud_time = CloudTime()
        module.SystemClock.now = lambda _self: cloud_time.now()
        module.SystemClock.scale_script_timeout = lambda _self, timeout: cloud_time.scale(timeout)


class ClockFinder(importlib.abc.MetaPathFinder):
    """Finder that wraps the loader of one module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of the clock's module with the loader above; None for every other module."""
        if fullname != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = ClockLoader(spec.loader)
        return spec


if URL:
    sys.meta_path.insert(0, ClockFinder())
