"""A real tmux server for one test."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed here")


@dataclass
class Tmux:
    """A tmux server. Its sessions have no client."""

    folder: Path

    def __call__(self, *command: str) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "TMUX"}
        return subprocess.run(
            ["tmux", "-f", "/dev/null", *command],
            env={**environment, "TMUX_TMPDIR": str(self.folder)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
