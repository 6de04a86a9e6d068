"""What a machine is made of when it boots, as data: `enter.py` carries it out in a process of its own."""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from . import programs

FIRST_ID = 1_879_000_000
"""Far from any user of this computer, and from what containers take, so that root inside owns nothing outside."""

IDS = 65_536
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
INSIDE = Path(__file__).parent / "inside"
LIBRARIES = ("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")


@dataclass(frozen=True)
class Identity:
    """The users of a machine: `ids` of them, from `first_id` of this computer on."""

    first_id: int
    ids: int


@dataclass(frozen=True)
class Plan:
    """One boot.

    :param root: the machine's disk, which becomes its root
    :param binds: folders to show, in order: source on this computer, target in the machine, whether it may be written
    :param files: single files to show read-only over others: source, target
    :param links: symbolic links to make: where, to what
    :param cloud_port: the port on which the machine finds the cloud on its own loopback, if any
    :param environment: what services see
    """

    root: str
    host_name: str
    boot_id: str
    first_id: int
    ids: int
    binds: tuple[tuple[str, str, bool], ...]
    files: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    cloud_port: int | None
    python: str
    environment: dict[str, str]

    def write(self, path: Path) -> None:
        """As JSON, for `enter.py`."""
        path.write_text(json.dumps(asdict(self)))


def identity() -> Identity:
    """A range of users where whoever runs this may give one away (root), else root alone."""
    if os.geteuid() != 0:
        return Identity(0, 1)
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= FIRST_ID and first + count >= FIRST_ID + IDS:
            return Identity(FIRST_ID, IDS)
    return Identity(0, 1)


def system_binds(program_folder: Path) -> list[tuple[str, str, bool]]:
    """This computer's programs and libraries, and the Python of this environment, all read-only."""
    binds = [("/usr", "/.machine/usr", False), ("/usr", "/usr", False)]
    for folder in programs.program_folders():
        if not folder.startswith("/usr"):
            binds.append((folder, f"/.machine{folder}", False))
        binds.append((str(program_folder / folder.strip("/")), folder, False))
    own = {folder for _, folder, _ in binds}
    libraries = (folder for folder in LIBRARIES if folder not in own)
    binds.extend((each, each, False) for each in libraries if Path(each).is_dir() and not Path(each).is_symlink())
    return [
        *binds,
        *((sys.base_prefix, place, False) for place in _places_of_python()),
        (sys.prefix, "/.machine/environment", False),
        (str(INSIDE), "/.machine/code/local/machines/inside", False),
    ]


def _places_of_python() -> list[str]:
    """A Python built with a shared library looks for it where it was built, so it is shown there as well."""
    is_shared = any(Path(sys.base_prefix, "lib").glob("libpython*.so*"))
    return ["/.machine/python", *([sys.base_prefix] if is_shared and not sys.base_prefix.startswith("/usr") else [])]


def root_links() -> dict[str, str]:
    """Links at the top of the disk, made once: /bin -> usr/bin and its like, as this computer has them."""
    return {folder: str(Path(folder).readlink()) for folder in LIBRARIES if Path(folder).is_symlink()}


def interpreter() -> str:
    """The base interpreter as the machine sees it."""
    return f"/.machine/python/bin/python{sys.version_info[0]}.{sys.version_info[1]}"


def system_files() -> list[tuple[str, str]]:
    """`python3 -m venv` gets the stand-in for pip from what it takes for ensurepip."""
    library = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/ensurepip/__main__.py"
    if not Path(sys.base_prefix, library).exists():
        return []
    return [(str(INSIDE / "stand_ins" / "ensurepip.py"), f"/.machine/python/{library}")]
