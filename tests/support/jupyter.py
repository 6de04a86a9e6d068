"""Jupyter servers of this environment, for tests."""

import os
import sys
from pathlib import Path


def build_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a server whose files are in a folder.

    Its PATH leads to no Node.js, as on an instance. With one, a start of JupyterLab runs npm and yarn for a second.
    """
    return {
        **os.environ,
        "HOME": str(folder),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "PATH": str(Path(sys.executable).parent),
        "SHELL": "/bin/bash",
    }
