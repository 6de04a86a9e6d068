"""Run folders: each `make run` in one clone has its own files."""

import stat
from pathlib import Path

import pytest

from local.run_folder import FolderInUse, claim_run_folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / ".gpudesk"


def test_two_runs_keep_their_own_token_log_and_machines(home: Path) -> None:
    with claim_run_folder(8000, home) as first:
        first.write_token("gpd_first")
        first.machines.mkdir()
        with claim_run_folder(8001, home) as second:
            second.write_token("gpd_second")
            assert first.token.read_text() == "gpd_first\n"
            assert second.token.read_text() == "gpd_second\n"
            assert first.machines.is_dir()
        assert stat.S_IMODE(first.token.stat().st_mode) == 0o600
        assert len({first.path, second.path, first.log, second.log}) == 4


def test_folders_of_ended_runs_are_removed_and_nothing_else(home: Path) -> None:
    (home / "roots").mkdir(parents=True)
    with claim_run_folder(8000, home) as ended:
        ended.write_token("gpd_ended")
        read_only = ended.machines / "i-1"
        read_only.mkdir(parents=True)
        (read_only / "file").touch()
        read_only.chmod(0o500)
    assert ended.token.exists()
    with claim_run_folder(8001, home):
        assert sorted(each.name for each in home.iterdir()) == ["8001", "roots"]


def test_run_starts_with_an_empty_folder(home: Path) -> None:
    with claim_run_folder(8000, home) as before:
        before.write_token("gpd_before")
    with claim_run_folder(8000, home) as after:
        assert list(after.path.iterdir()) == []


def test_second_run_on_the_same_port_is_refused(home: Path) -> None:
    with (
        claim_run_folder(8000, home) as first,
        pytest.raises(FolderInUse, match="port 8000"),
        claim_run_folder(8000, home),
    ):
        raise AssertionError("both hold the folder")
    assert first.path.is_dir()
