"""Settings of all tests: hypothesis profiles, garbage collection, slow tests, CPU time."""

import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cpu_time import CpuTime
from tests.support.permission_use import PermissionUse

settings.register_profile(
    "quick", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("slow", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

COLLECT_AFTER = (50_000, 20, 20)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude imported modules from garbage collection, which took a tenth of the CPU time of the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


EXPENSIVE_MARKS = ("slow", "deployed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests with an expensive mark, unless -m names the mark."""
    left_out = [mark for mark in EXPENSIVE_MARKS if mark not in (config.option.markexpr or "")]
    selected = [item for item in items if not any(item.get_closest_marker(mark) for mark in left_out)]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = selected


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an option that prints where the CPU time went."""
    parser.addoption("--cpu", action="store_true", help="print the CPU time of each file and of the longest tests")


def pytest_configure(config: pytest.Config) -> None:
    """Measure the CPU time of every test, and list the permissions that no test uses.

    A shell starts pytest in the background with SIGINT ignored. Programs of the tests would inherit that, and Ctrl-C
    could not end them.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(CpuTime(is_detailed=bool(config.option.cpu)))
    config.pluginmanager.register(PermissionUse())
