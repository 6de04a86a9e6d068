"""Refreshes of snapd, which could replace the SSM agent: none begins while a document runs or the instance reboots."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.prelude import StepRunner

SNAP = """#!/bin/sh
echo "$*" >>"$RAN"
case "$*" in
get*) cat "$HELD" ;;
set*) echo "${3#refresh.hold=}" >"$HELD" ;;
watch*) exit 1 ;;
esac
"""


class Snap:
    """A fake snap in a folder of the test."""

    def __init__(self, runner: StepRunner, folder: Path) -> None:
        self._runner = runner
        self._program = folder / "snap"
        self._program.write_text(SNAP)
        self._program.chmod(0o755)
        self.held = folder / "held"

    def run(self, body: str = "true", attempt: str = "a1") -> int:
        self._runner.setup = f'export RAN HELD="{self.held}" PATH="{self._program.parent}:$PATH"\n'
        return self._runner.run(body, attempt)[0]

    @property
    def calls(self) -> list[str]:
        ran = self._runner.ran
        return [line.split()[0] for line in ran.read_text().splitlines()] if ran.exists() else []

    def read_hold(self) -> timedelta:
        """Return how long refreshes are held from now on."""
        return datetime.fromisoformat(self.held.read_text().strip()) - datetime.now(UTC)


@pytest.fixture
def snap(runner: StepRunner, tmp_path: Path) -> Snap:
    runner.always = True
    return Snap(runner, tmp_path)


def test_refreshes_are_held_for_longer_than_the_step_may_take(snap: Snap) -> None:
    assert snap.run() == 0
    assert timedelta(seconds=100 + 600) < snap.read_hold() < timedelta(hours=2)
    assert snap.run(attempt="a2") == 0
    assert snap.calls == ["get", "set"], "the hold lasts long enough for the next step"


@pytest.mark.parametrize("held", ["forever", "2100-01-01T00:00:00Z"])
def test_longer_hold_of_the_user_stays(snap: Snap, held: str) -> None:
    snap.held.write_text(held)
    assert snap.run() == 0
    assert snap.held.read_text() == held
    assert snap.calls == ["get"]


@pytest.mark.parametrize("held", ["", "2020-01-01T00:00:00Z", "nonsense"])
def test_hold_that_has_ended_is_replaced(snap: Snap, held: str) -> None:
    snap.held.write_text(held)
    assert snap.run() == 0
    assert snap.read_hold() > timedelta(minutes=10)


def test_reboot_waits_for_a_running_refresh(snap: Snap) -> None:
    assert snap.run('request_reboot "The driver is new."') == 194
    assert snap.calls[-1] == "watch"
    assert snap.read_hold() > timedelta(minutes=30)
