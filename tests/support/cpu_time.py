"""Pytest plugin that measures the CPU time of each test, with its fixtures and ended child processes.

CPU time hardly depends on what else runs on the computer; wall time does. It is printed and never asserted, because it
depends on the computer.
"""

import os
from collections import defaultdict
from collections.abc import Generator
from operator import itemgetter

import pytest

PROPERTY = "cpu_seconds"


class CpuTime:
    """Measures every test in the process that runs it, and adds up in the process that prints the summary.

    :param is_detailed: print the sum of each file and the tests that need most
    """

    def __init__(self, *, is_detailed: bool) -> None:
        self._is_detailed = is_detailed
        self._last = _read_cpu_seconds()
        self._by_test: defaultdict[str, float] = defaultdict(float)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, object, object]:
        """Store the CPU time since the last report of this process in the report."""
        now = _read_cpu_seconds()
        item.user_properties[:] = [(PROPERTY, now - self._last)]
        self._last = now
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the reports of a test: set-up, call, teardown."""
        for name, value in report.user_properties:
            if name == PROPERTY and isinstance(value, float):
                self._by_test[report.nodeid] += value

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the sum of all tests."""
        terminalreporter.write_line(f"CPU time of the tests: {sum(self._by_test.values()):.0f} s")
        if self._is_detailed:
            by_file: defaultdict[str, float] = defaultdict(float)
            for test, seconds in self._by_test.items():
                by_file[test.partition("::")[0]] += seconds
            for name, seconds in [*_sort(by_file), *_sort(self._by_test)[:40]]:
                terminalreporter.write_line(f"{seconds:8.2f} s  {name}")


def _sort(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=itemgetter(1), reverse=True)


def _read_cpu_seconds() -> float:
    return sum(os.times()[:4])
