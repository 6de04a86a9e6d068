"""Packaging uses an interpreter of Lambda's version that starts, or none."""

from pathlib import Path

import pytest

from deploy.interpreter import EXPECTED_VERSION, find_interpreter


def write_program(file: Path, script: str) -> Path:
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": str(tmp_path / "path"), "PYENV_ROOT": str(tmp_path / "pyenv")}


def test_shim_that_does_not_start_is_passed_over(tmp_path: Path, environment: dict[str, str]) -> None:
    write_program(tmp_path / "path/python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    assert find_interpreter(environment) is None
    python = write_program(tmp_path / "pyenv/versions/3.13.0/bin/python3.13", f"echo {EXPECTED_VERSION}")
    assert find_interpreter(environment) == python


def test_named_interpreter_is_used_instead_of_all_others(tmp_path: Path, environment: dict[str, str]) -> None:
    write_program(tmp_path / "path/python3.13", f"echo {EXPECTED_VERSION}")
    named = write_program(tmp_path / "named/python", f"echo {EXPECTED_VERSION}")
    assert find_interpreter({**environment, "PYTHON313": str(named)}) == named
    assert find_interpreter({**environment, "PYTHON313": str(tmp_path / "missing")}) is None


def test_interpreter_of_another_processor_is_passed_over(tmp_path: Path, environment: dict[str, str]) -> None:
    write_program(tmp_path / "path/python3.13", "echo 3.13 aarch64 linux")
    assert find_interpreter(environment) is None
