"""The same commit gives the same bytes in every folder, with every umask, and with any untracked files."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from deploy.archive import write_zip
from deploy.bytecode import compile_sources
from deploy.errors import PackagingFailed
from deploy.interpreter import find_package_interpreter
from deploy.source import copy_sources, has_uncommitted_changes

CODE = (
    "COLORS = frozenset({'red', 'green', 'blue'})\ndef paint(color):\n    return color in {'red', 'black', 'white'}\n"
)


def create_repository(folder: Path) -> Path:
    """Create a repository with files that Git tracks, and others that it does not."""
    for name, text in {
        "app.py": CODE,
        "chalicelib/a.py": CODE,
        "chalicelib/data/words.txt": "a\n",
        "b.py": CODE,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], cwd=folder, check=True)
    subprocess.run([*git, "add", "."], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "a"], cwd=folder, check=True)
    (folder / "chalicelib" / "__pycache__").mkdir()
    (folder / "chalicelib" / "__pycache__" / "a.cpython-311.pyc").write_text(str(folder))
    return folder


def build_package(folder: Path, umask: int, python: Path | None) -> bytes:
    before = os.umask(umask)
    try:
        root, tree = create_repository(folder / "root"), folder / "tree"
        copy_sources(root, tree)
        if python:
            compile_sources(tree, python)
        write_zip(tree, folder / "out.zip")
        return (folder / "out.zip").read_bytes()
    finally:
        os.umask(before)


@pytest.mark.parametrize("has_bytecode", [False, True])
def test_zip_has_the_same_bytes_in_two_folders(tmp_path: Path, has_bytecode: bool) -> None:
    python = find_package_interpreter() if has_bytecode else None
    if has_bytecode and python is None:
        pytest.skip("This computer has no Python 3.13 on x86_64.")
    assert build_package(tmp_path / "one", 0o022, python) == build_package(tmp_path / "two" / "deeper", 0o077, python)
    with zipfile.ZipFile(tmp_path / "one" / "out.zip") as archive:
        sources = [name for name in archive.namelist() if not name.endswith(".pyc")]
        assert sources == ["app.py", "chalicelib/a.py", "chalicelib/data/words.txt"]
        assert len(archive.namelist()) - len(sources) == (2 if has_bytecode else 0)
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}


def test_tracked_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    root = create_repository(tmp_path)
    (root / "app.py").unlink()
    with pytest.raises(PackagingFailed, match=r"app\.py is tracked and does not exist"):
        copy_sources(root, tmp_path / "tree")


def test_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackagingFailed, match=r"git ls-files failed"):
        copy_sources(tmp_path, tmp_path / "tree")


def test_uncommitted_change_of_a_source_is_noticed(tmp_path: Path) -> None:
    root = create_repository(tmp_path)
    (root / "b.py").write_text("")
    assert not has_uncommitted_changes(root)
    (root / "app.py").write_text("")
    assert has_uncommitted_changes(root)


@pytest.mark.parametrize("name", ["deploy/stages/prod.toml", "ssm_documents/recipes/new/recipe.json"])
def test_file_that_git_does_not_track_and_the_templates_contain_is_noticed(tmp_path: Path, name: str) -> None:
    root = create_repository(tmp_path)
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text("")
    assert has_uncommitted_changes(root)
