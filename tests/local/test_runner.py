"""`make run` whose reader ends before it."""

import os
import sys

import pytest

from local import runner
from local.exit_status import ExitStatus
from local.options import read_options


def test_closed_output_ends_run_without_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def print_first_line(*_: object) -> ExitStatus:
        runner._print("The first line.")
        return ExitStatus.SUCCESS

    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w") as closed_output:
        monkeypatch.setattr(sys, "stdout", closed_output)
        monkeypatch.setattr(runner, "_run_in_folder", print_first_line)
        assert runner.run(read_options({})) == ExitStatus.OUTPUT_CLOSED
    assert capsys.readouterr().err == "The output was closed, so the run ended. All processes have ended.\n"
