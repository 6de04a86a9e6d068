"""Pytest plugin that lists the permissions of the policies that no test of a complete run has used.

Processes of pytest-xdist send what they have used to the process that prints the summary. A run of some tests only, or
a failed one, proves nothing about the rest, so nothing is listed then.
"""

import sys
from typing import Any

import pytest

OUTPUT_KEY = "used_permissions"
USAGE_MODULE = "local.aws.iam.usage"

Used = list[tuple[str, str, str, str]]
"""Role, statement, action and kind of resource."""


class PermissionUse:
    """Collects the used permissions of all processes."""

    def __init__(self) -> None:
        self._used: set[tuple[str, str, str, str]] = set()
        self._unused: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a process of pytest-xdist has used."""
        self._used.update(map(tuple, getattr(node, "workeroutput", {}).get(OUTPUT_KEY, [])))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Send, or compare, what was used."""
        used = _list_used()
        output = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[OUTPUT_KEY] = used
            return
        self._used.update(used)
        if exitstatus != pytest.ExitCode.OK or not _is_complete(session.config):
            return
        self._unused = _list_unused(self._used)
        if self._unused:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the unused permissions."""
        if self._unused:
            terminalreporter.write_line("No test uses these permissions. Use them in a test, or remove them:")
        for line in self._unused:
            terminalreporter.write_line(f"  {line}")


def _list_used() -> Used:
    """Return what this process has used. Without the module of the local cloud, it has used nothing."""
    usage = sys.modules.get(USAGE_MODULE)
    return [] if usage is None else [(use.role, use.sid, use.action, use.kind) for use in usage.list_used()]


def _is_complete(config: pytest.Config) -> bool:
    option = config.option
    return (
        config.args_source is pytest.Config.ArgsSource.TESTPATHS
        and not (option.keyword or option.markexpr or option.collectonly)
        and not getattr(option, "lf", False)
    )


def _list_unused(used: set[tuple[str, str, str, str]]) -> list[str]:
    # Only the process that prints needs these modules.
    from tests.support.unused_permissions import list_unused  # noqa: PLC0415

    return list_unused(used)
