"""A folder in place of /dev/pts."""

from pathlib import Path

import pytest


@pytest.fixture
def terminal_folder(tmp_path: Path) -> Path:
    """Create a folder in place of /dev/pts, with the terminals of this test only."""
    path = tmp_path / "pts"
    path.mkdir()
    return path
