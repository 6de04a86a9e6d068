"""Replacement of ensurepip's `__main__`. `python3 -m venv` runs it to install the fake pip.

The interpreter of the new environment runs it as a file, so it cannot import this package.
"""

import sys
import sysconfig
from pathlib import Path

FAKE_PIP = Path("/.machine/code/local/machines/inside/fakes/pip")

if __name__ == "__main__":
    link = Path(sysconfig.get_paths()["purelib"], "pip")
    if not link.exists():
        link.symlink_to(FAKE_PIP)
    for name in ("pip", "pip3", f"pip{sys.version_info[0]}.{sys.version_info[1]}"):
        script = Path(sys.prefix, "bin", name)
        script.write_text(f'#!/bin/sh\nexec "{sys.prefix}/bin/python" -m pip "$@"\n')
        script.chmod(0o755)
