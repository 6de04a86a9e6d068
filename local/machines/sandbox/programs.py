"""The machine's /usr/bin and /usr/sbin: links to this computer's programs, and fakes in place of some.

The folders are created once per fleet and mounted read-only in every machine. The fakes are modules of `inside.fakes`;
the files written here are launchers of four lines.
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
"""A script and not a link: a virtual environment created by a link would look for its library in /usr."""

SHA256SUM = """#!/bin/bash
set -o pipefail
{real} "$@" | sed '{substitutions}'
"""
"""The real program, with the published checksum in place of a fake file's. Setups use it often, so it starts fast."""

FAKES: Mapping[str, tuple[str, str]] = {
    "apt": ("apt", "main"),
    "apt-get": ("apt", "main"),
    "curl": ("curl", "main"),
    "dpkg": ("apt", "dpkg"),
    "dpkg-deb": ("dpkg_deb", "main"),
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
GPU_FAKES: Mapping[str, tuple[str, str]] = {"nvidia-smi": ("nvidia_smi", "main")}
ROOT_ONLY_FAKES: Mapping[str, tuple[str, str]] = {
    "chgrp": ("users", "change_owner"),
    "chown": ("users", "change_owner"),
    "install": ("users", "install"),
}
"""If the sandbox has no user but root, giving a file to another user must not fail."""

HIDDEN_PROGRAMS = ("docker", "nvidia-smi", "podman", "pip", "pip3", "systemd-run")
"""Programs of this computer that a new instance does not have."""


def list_program_folders() -> list[str]:
    """Return the folders of programs that are not links to others: /usr/bin, /usr/sbin, rarely /bin."""
    folders = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
    return [folder for folder in folders if Path(folder).is_dir() and not Path(folder).is_symlink()]


def build_folder(folder: Path, *, gpu: bool, users: bool) -> Path:
    """Create the programs of one kind of machine below `folder`, unless they exist.

    :param gpu: with nvidia-smi
    :param users: the sandbox has users other than root
    :returns: folder that contains `usr/bin` and so on
    """
    target = folder / f"{'gpu' if gpu else 'plain'}-{'users' if users else 'root'}"
    if target.exists():
        return target
    fakes = {**FAKES, **(GPU_FAKES if gpu else {}), **({} if users else ROOT_ONLY_FAKES)}
    draft = folder / f"{target.name}.{os.getpid()}"
    for programs in list_program_folders():
        _fill_folder(draft / programs.strip("/"), programs, fakes)
    draft.rename(target)
    return target


def _fill_folder(draft: Path, programs: str, fakes: Mapping[str, tuple[str, str]]) -> None:
    draft.mkdir(parents=True)
    taken = {*fakes, *HIDDEN_PROGRAMS, "python3", "python", "sha256sum"}
    for program in Path(programs).iterdir():
        if program.name not in taken:
            (draft / program.name).symlink_to(f"/.machine{program}")
    _write_program(draft / "python3", PYTHON)
    sha256sum = Path(programs) / "sha256sum"
    if sha256sum.exists():
        _write_program(draft / "sha256sum", _build_sha256sum(f"/.machine{sha256sum}"))
    for name, (module, function) in fakes.items():
        text = LAUNCHER.format(interpreter=INTERPRETER, code=CODE, module=module, function=function)
        _write_program(draft / name, text)


def _build_sha256sum(real: str) -> str:
    substitutions = (f"s/^{fake} /{published} /" for fake, published in miniconda.map_checksums().items())
    return SHA256SUM.format(real=real, substitutions=";".join(substitutions))


def _write_program(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)
