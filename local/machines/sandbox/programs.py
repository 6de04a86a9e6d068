"""The machine's /usr/bin and /usr/sbin: links to this computer's programs, with stand-ins in some places.

The folders are made once a fleet and shown to every machine read-only. The stand-ins themselves are modules of
`inside.fakes`; what is written here are launchers of four lines.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.machines.inside.fakes.internet import miniconda

CODE = "/.machine/code"
INTERPRETER = "/.machine/bin/python3"
LAUNCHER = """#!{interpreter} -SEs
import sys
sys.path.insert(0, "{code}")
from local.machines.inside.fakes.{module} import {function}
sys.exit({function}(sys.argv[1:]))
"""
PYTHON = f"""#!/bin/sh
exec /.machine/python/bin/python{sys.version_info[0]}.{sys.version_info[1]} "$@"
"""
"""Not a link: a virtual environment made by it would take /usr for the place of its library."""

SHA256SUM = """#!/bin/bash
set -o pipefail
{real} "$@" | sed '{substitutions}'
"""
"""The real one, but that it says the published checksum of a made-up file: setups ask it often, so it starts fast."""

FAKES: Mapping[str, tuple[str, str]] = {
    "apt": ("apt", "main"),
    "apt-get": ("apt", "main"),
    "curl": ("curl", "main"),
    "dpkg": ("apt", "dpkg"),
    "dpkg-deb": ("deb", "main"),
    "gpg": ("verification", "gpg"),
    "halt": ("power", "poweroff"),
    "ldd": ("verification", "ldd"),
    "journalctl": ("journalctl", "main"),
    "poweroff": ("power", "poweroff"),
    "reboot": ("power", "reboot"),
    "runuser": ("users", "runuser"),
    "shutdown": ("power", "shutdown"),
    "snap": ("broadcast", "snap"),
    "su": ("users", "runuser"),
    "sudo": ("users", "sudo"),
    "systemctl": ("systemctl", "main"),
    "unzip": ("unzip", "main"),
    "wall": ("broadcast", "wall"),
}
WITH_GPU: Mapping[str, tuple[str, str]] = {"nvidia-smi": ("nvidia_smi", "main")}
ROOT_ALONE: Mapping[str, tuple[str, str]] = {
    "chgrp": ("users", "change_owner"),
    "chown": ("users", "change_owner"),
    "install": ("users", "install"),
}
"""Where the sandbox has no user but root, giving files to another one must not fail."""

HIDDEN = ("docker", "nvidia-smi", "podman", "pip", "pip3", "systemd-run")
"""This computer's own, which a bare machine has not got."""


def program_folders() -> list[str]:
    """The folders of programs on this computer that are not links to others: /usr/bin, /usr/sbin, seldom /bin."""
    folders = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
    return [folder for folder in folders if Path(folder).is_dir() and not Path(folder).is_symlink()]


def build(folder: Path, *, gpu: bool, users: bool) -> Path:
    """Make the folders of one kind of machine below `folder`, unless they are there already.

    :param gpu: with an nvidia-smi
    :param users: the sandbox has users other than root
    :return: what holds `usr/bin` and so on
    """
    made = folder / f"{'gpu' if gpu else 'plain'}-{'users' if users else 'root'}"
    if made.exists():
        return made
    fakes = {**FAKES, **(WITH_GPU if gpu else {}), **({} if users else ROOT_ALONE)}
    draft = folder / f"{made.name}.{os.getpid()}"
    for programs in program_folders():
        _fill(draft / programs.strip("/"), programs, fakes)
    draft.rename(made)
    return made


def _fill(draft: Path, programs: str, fakes: Mapping[str, tuple[str, str]]) -> None:
    draft.mkdir(parents=True)
    taken = {*fakes, *HIDDEN, "python3", "python", "sha256sum"}
    for program in Path(programs).iterdir():
        if program.name not in taken:
            (draft / program.name).symlink_to(f"/.machine{program}")
    _write(draft / "python3", PYTHON)
    sha256sum = Path(programs) / "sha256sum"
    if sha256sum.exists():
        _write(draft / "sha256sum", _sha256sum(f"/.machine{sha256sum}"))
    for name, (module, function) in fakes.items():
        text = LAUNCHER.format(interpreter=INTERPRETER, code=CODE, module=module, function=function)
        _write(draft / name, text)


def _sha256sum(real: str) -> str:
    said = (f"s/^{made_up} /{published} /" for made_up, published in miniconda.checksums().items())
    return SHA256SUM.format(real=real, substitutions=";".join(said))


def _write(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)
