"""The shell library of a document: the first step writes it, and no step runs with another one."""

import subprocess
from pathlib import Path

import pytest

from ssm_documents.library import LIBRARY_FOLDER, build_loading_lines, remove_comments

SALUTE = "salute() {\n  echo 'Hello, \"you\"'\n}\n"


class Instance:
    """Steps on one instance, whose folder of libraries is one of the test."""

    def __init__(self, folder: Path) -> None:
        self.libraries = folder / "state" / "library"

    def run(self, library: str = SALUTE, *, is_first_step: bool) -> subprocess.CompletedProcess[str]:
        lines = ["set -euo pipefail", *build_loading_lines(library, is_first_step=is_first_step), "salute"]
        script = "\n".join(lines).replace(LIBRARY_FOLDER, str(self.libraries))
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)

    def salutes(self, library: str = SALUTE, *, is_first_step: bool) -> bool:
        return "Hello" in self.run(library, is_first_step=is_first_step).stdout


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return Instance(tmp_path)


def test_later_step_uses_the_library_that_the_first_step_has_written(instance: Instance) -> None:
    assert instance.salutes(is_first_step=True)
    assert instance.run(is_first_step=False).stdout == 'Hello, "you"\n'
    assert len(list(instance.libraries.iterdir())) == 1


def test_step_without_its_library_does_not_begin(instance: Instance) -> None:
    result = instance.run(is_first_step=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("gpudesk: ")
    assert "is missing or damaged. Check whether the disk is full (df -h /)." in result.stderr


def test_documents_of_different_versions_keep_their_own_libraries(instance: Instance) -> None:
    other = SALUTE.replace("Hello", "Good morning")
    assert instance.salutes(is_first_step=True)
    assert not instance.salutes(other, is_first_step=False), "the first step of the other version did not run"
    assert "Good morning" in instance.run(other, is_first_step=True).stdout
    assert instance.salutes(is_first_step=False)


def test_changed_library_is_not_used_and_the_first_step_restores_it(instance: Instance) -> None:
    instance.run(is_first_step=True)
    (file,) = instance.libraries.iterdir()
    file.write_text("salute() { echo Hello, stranger; }\n")
    assert not instance.salutes(is_first_step=False)
    assert instance.run(is_first_step=True).stdout == 'Hello, "you"\n'


def test_intact_library_is_used_although_it_could_not_be_written_again(instance: Instance) -> None:
    instance.run(is_first_step=True)
    (file,) = instance.libraries.iterdir()
    before = file.stat().st_mtime_ns
    assert instance.salutes(is_first_step=True)
    assert file.stat().st_mtime_ns == before


def test_library_that_cannot_be_written_fails_with_advice(instance: Instance) -> None:
    instance.libraries.parent.mkdir()
    instance.libraries.write_text("a file where the folder should be, as on a broken disk")
    result = instance.run(is_first_step=True)
    assert result.returncode == 1
    assert "is missing or damaged. Check whether the disk is full" in result.stderr


def test_comments_are_removed_outside_here_documents() -> None:
    script = """# a comment

run <<'TEXT' || fail "no"
# a line of the text

TEXT
  # shellcheck disable=SC2086
  echo $x <<<"$y" # stays
# shellcheck source-path=SCRIPTDIR source=../lib/prelude.sh
"""
    assert list(remove_comments(script.splitlines())) == [
        "run <<'TEXT' || fail \"no\"",
        "# a line of the text",
        "",
        "TEXT",
        "  # shellcheck disable=SC2086",
        '  echo $x <<<"$y" # stays',
    ]
