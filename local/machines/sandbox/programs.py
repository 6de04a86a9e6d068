"""The machine's /usr/bin and /usr/sbin: links to this computer's programs, and fakes in place of some.

The folders are created once per fleet and mounted read-only on every machine. The fakes are modules of `inside.fakes`.
This module writes a short launcher for each of them. Setups start some of them so often that a Python would take more
time than everything else: a script in `inside/fakes/shell` handles their frequent calls, or is the whole fake.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from local.machines.inside.fakes.internet import miniconda

EMPTY = "empty"
"""Empty folder in the folder of programs."""

CODE = "/.machine/code"
INTERPRETER = "/.machine/bin/python3"
LAUNCHER = """#!{interpreter} -SEs
import sys
sys.path.insert(0, "{code}")
from local.machines.inside.fakes.{module} import {function}
sys.exit({function}(sys.argv[1:]))
"""
SHELL_LAUNCHER = """#!/bin/sh
{script}
exec {interpreter} -SIc '
import sys
sys.path.insert(0, "{code}")
from local.machines.inside.fakes.{module} import {function}
sys.exit({function}(sys.argv[1:]))' "$@"
"""
"""Launcher of a fake with a shell script. The script handles frequent calls; for any other call Python runs."""

SHELL_FOLDER = Path(__file__).parents[1] / "inside" / "fakes" / "shell"
SHELL_FAKES = ("df", "ssh-keygen")
"""Fakes that are only a shell script, if this computer has the program."""

NEED_USERS = ("runuser",)
"""Shell scripts that work only in a sandbox with users other than root."""

PYTHON = f"""#!/bin/sh
exec /.machine/python/bin/python{sys.version_info[0]}.{sys.version_info[1]} "$@"
"""
"""Script that runs the base interpreter. A link would make virtual environments search their library in /usr."""

SHA256SUM = """#!/bin/sh
case $1 in
-c) exec {real} "$@" ;;
esac
output=$({real} "$@") || status=$?
case $output in
{patterns}) printf '%s\\n' "$output" | sed '{substitutions}' ;;
?*) printf '%s\\n' "$output" ;;
esac
exit "${{status:-0}}"
"""
"""Script that prints the published checksum for a fake file. It is no Python, because setups call it often."""

FAKES: Mapping[str, tuple[str, str]] = {
    "apt": ("apt", "main"),
    "apt-get": ("apt", "main"),
    "apt-mark": ("apt_marks", "apt_mark"),
    "curl": ("curl", "main"),
    "dpkg": ("apt", "dpkg"),
    "dpkg-deb": ("dpkg_deb", "main"),
    "dpkg-query": ("apt_marks", "dpkg_query"),
    "gpg": ("verification", "gpg"),
    "halt": ("power", "poweroff"),
    "ldd": ("verification", "ldd"),
    "journalctl": ("journalctl", "main"),
    "poweroff": ("power", "poweroff"),
    "reboot": ("power", "reboot"),
    "runuser": ("users", "runuser"),
    "shutdown": ("power", "shutdown"),
    "snap": ("snap", "main"),
    "su": ("users", "runuser"),
    "sudo": ("users", "sudo"),
    "systemctl": ("systemctl", "main"),
    "unzip": ("unzip", "main"),
    "wall": ("wall", "main"),
}
GPU_FAKES: Mapping[str, tuple[str, str]] = {"nvidia-smi": ("nvidia_smi", "main")}
ROOT_ONLY_FAKES: Mapping[str, tuple[str, str]] = {
    "chgrp": ("users", "skip_change_of_owner"),
    "chown": ("users", "skip_change_of_owner"),
    "install": ("users", "install"),
}
"""Fakes for a sandbox without other users than root, in which a change of owner must not fail."""

HIDDEN_PROGRAMS = ("docker", "node", "npm", "nvidia-smi", "podman", "pip", "pip3", "systemd-run")
"""Programs of this computer that a new instance does not have."""


def list_program_folders() -> list[str]:
    """Return the folders of programs that are not links: /usr/bin and /usr/sbin, on old systems also /bin and /sbin."""
    folders = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
    return [folder for folder in folders if Path(folder).is_dir() and not Path(folder).is_symlink()]


def build_folder(folder: Path, *, has_gpu: bool, has_users: bool) -> Path:
    """Create the programs of one kind of machine below `folder`, unless they exist.

    :param has_gpu: whether the machine has a GPU and so nvidia-smi
    :param has_users: whether the sandbox has users other than root
    :returns: folder that contains `usr/bin` and so on
    """
    target = folder / f"{'gpu' if has_gpu else 'plain'}-{'users' if has_users else 'root'}"
    if target.exists():
        return target
    fakes = {**FAKES, **(GPU_FAKES if has_gpu else {}), **({} if has_users else ROOT_ONLY_FAKES)}
    draft = folder / f"{target.name}.{os.getpid()}"
    for program_folder in list_program_folders():
        _fill_folder(draft / program_folder.strip("/"), program_folder, fakes, has_users=has_users)
    (draft / EMPTY).mkdir()
    draft.rename(target)
    return target


def _fill_folder(draft: Path, program_folder: str, fakes: Mapping[str, tuple[str, str]], *, has_users: bool) -> None:
    draft.mkdir(parents=True)
    replaced = {*fakes, *SHELL_FAKES, *HIDDEN_PROGRAMS, "python3", "python", "sha256sum"}
    for program in Path(program_folder).iterdir():
        if program.name not in replaced:
            (draft / program.name).symlink_to(f"/.machine{program}")
    _write_program(draft / "python3", PYTHON)
    sha256sum = Path(program_folder) / "sha256sum"
    if sha256sum.exists():
        _write_program(draft / "sha256sum", _build_sha256sum(f"/.machine{sha256sum}"))
    for name in SHELL_FAKES:
        if Path(program_folder, name).exists():
            _write_program(draft / name, f"#!/bin/sh\n{(SHELL_FOLDER / f'{name}.sh').read_text()}")
    for name, (module, function) in fakes.items():
        script = SHELL_FOLDER / f"{name}.sh"
        has_script = script.exists() and (has_users or name not in NEED_USERS)
        text = (SHELL_LAUNCHER if has_script else LAUNCHER).format(
            script=script.read_text() if has_script else "",
            interpreter=INTERPRETER,
            code=CODE,
            module=module,
            function=function,
        )
        _write_program(draft / name, text)


def _build_sha256sum(real: str) -> str:
    checksums = miniconda.map_checksums()
    substitutions = (f"s/^{fake} /{published} /" for fake, published in checksums.items())
    patterns = (f"*{fake}*" for fake in checksums)
    return SHA256SUM.format(real=real, patterns=" | ".join(patterns), substitutions=";".join(substitutions))


def _write_program(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)
