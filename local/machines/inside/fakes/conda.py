"""Fake `conda`, which creates environments of this computer's Python. It accepts only the channel conda-forge."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PYTHON = "/usr/bin/python3"
TERMS = """
CondaToSNonInteractiveError: Terms of Service have not been accepted for the following channels. Please accept or \
remove them before proceeding:
    - https://repo.anaconda.com/pkgs/main
    - https://repo.anaconda.com/pkgs/r
"""


def main(arguments: Sequence[str], prefix: Path) -> int:
    """Run `--version`, `init bash`, and `create --yes --name NAME PACKAGE...`."""
    words = list(arguments)
    if words == ["--version"]:
        print("conda 23.11.0")
        return 0
    match words[0]:
        case "init":
            with (Path.home() / ".bashrc").open("a+") as file:
                file.seek(0)
                if "conda initialize" not in file.read():
                    file.write(f"# >>> conda initialize >>>\n. {prefix}/etc/profile.d/conda.sh\n")
            return 0
        case "create":
            return _create(words[1:], prefix)
        case verb:
            print(f"conda: error: this fake does not support {verb}", file=sys.stderr)
            return 2


def _create(words: Sequence[str], prefix: Path) -> int:
    if "--yes" not in words and "-y" not in words:
        print("CondaSystemExit: Exiting. Nobody can confirm. Use --yes.", file=sys.stderr)
        return 1
    channels = [words[index + 1] for index, word in enumerate(words) if word in ("--channel", "-c")]
    config = (prefix / ".condarc").read_text() if (prefix / ".condarc").exists() else ""
    if channels != ["conda-forge"] or not ("--override-channels" in words or "channels: [conda-forge]" in config):
        print(TERMS, file=sys.stderr)
        return 1
    name = next(words[index + 1] for index, word in enumerate(words) if word in ("--name", "-n"))
    return subprocess.run([PYTHON, "-m", "venv", str(prefix / "envs" / name)], check=False).returncode
