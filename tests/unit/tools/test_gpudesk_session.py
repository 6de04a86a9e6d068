"""Usage of `gpudesk-session`. Its sessions are tested in tests/api/test_ssh_sessions.py."""

import subprocess
from pathlib import Path

PROGRAM = Path(__file__).parents[3] / "tools" / "gpudesk-session"


def test_help_needs_neither_url_nor_token(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run([PROGRAM, "--help"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: gpudesk-session NAME")
    assert done.stderr == ""
