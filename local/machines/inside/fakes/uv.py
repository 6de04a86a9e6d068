"""Fake `uv`, whose Pythons, environments and packages are those of this computer.

The system's Python counts as the 3.10 of Ubuntu 22.04, so a setup that needs a later Python must first install it.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PYTHON = "/usr/bin/python3"
EXIT_NOT_FOUND = 2
INSTALL = (
    "import sys; sys.path.insert(0, '/.machine/code'); "
    "from local.machines.inside.fakes.pip.__main__ import main; sys.exit(main(['install', *sys.argv[1:]]))"
)
OPTIONS_WITH_VALUE = ("--python", "--install-dir", "--index")
SYSTEM_REQUESTS = ("", "3.10", ">=3.10")


def main(arguments: Sequence[str], version: str) -> int:
    """Run a command.

    Supported are `--version`, `python install`, `python find REQUEST`, `venv FOLDER` and
    `pip install --python PYTHON PACKAGE...`.
    """
    options, words = _parse_arguments(arguments)
    if "--version" in options:
        print(f"uv {version}")
        return 0
    match words:
        case ["python", "install", *_]:
            _find_install_folder().mkdir(parents=True, exist_ok=True)
            return 0
        case ["python", "find", request]:
            return 0 if _has_python(request) else EXIT_NOT_FOUND
        case ["venv", folder]:
            if not _has_python(options.get("--python", "")):
                return EXIT_NOT_FOUND
            return subprocess.run([PYTHON, "-m", "venv", "--without-pip", folder], check=False).returncode
        case ["pip", "install", *packages]:
            command = [options["--python"], "-c", INSTALL, *packages]
            return subprocess.run(command, check=False).returncode
        case _:
            print(f"error: this fake uv does not support: {' '.join(arguments)}", file=sys.stderr)
            return 2


def _find_install_folder() -> Path:
    return Path(os.environ.get("UV_PYTHON_INSTALL_DIR", "/root/.local/share/uv/python"))


def _has_python(request: str) -> bool:
    if request in SYSTEM_REQUESTS or _find_install_folder().exists():
        return True
    print(f"error: No interpreter found for Python {request} in managed installations or search path", file=sys.stderr)
    return False


def _parse_arguments(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    words = []
    rest = iter(arguments)
    for word in rest:
        if word in OPTIONS_WITH_VALUE:
            options[word] = next(rest, "")
        elif word.startswith("-"):
            options[word] = ""
        else:
            words.append(word)
    return options, words
