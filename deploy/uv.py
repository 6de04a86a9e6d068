"""Search for uv, which installs the packages of the zip."""

import os
import shutil
from pathlib import Path

DEFAULT_UV = ".uv/bin/uv"


def find_uv(root: Path) -> str | None:
    """Return the program uv: that of the variable UV, that of `make setup`, or one on PATH; None if there is none."""
    own = root / DEFAULT_UV
    return os.environ.get("UV") or (str(own) if own.exists() else shutil.which("uv"))
