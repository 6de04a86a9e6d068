"""What a machine is made of when it boots, as data: `enter.py` carries it out in a process of its own."""

import hashlib
import json
import os
import sys
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.machines.host.port import MachineSpec

from . import programs

FIRST_ID = 1_879_000_000
"""Far from any user of this computer, and from what containers take, so that root inside owns nothing outside."""

IDS = 65_536
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
INTERPRETER = f"/.machine/python/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
"""The base interpreter as the machine sees it."""

INSIDE = Path(__file__).parent.parent / "inside"
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


def for_boot(spec: MachineSpec, folder: Path, program_root: Path, users: Identity) -> Plan:
    """The plan of a machine's next boot, which gets a boot id of its own.

    :param folder: the machine's, as `disk.create` made it
    :param program_root: where the fleet keeps its folders of programs
    """
    boot_id = folder / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    program_folder = programs.build(program_root, gpu=spec.gpu is not None, users=users.ids > 1)
    own = [(str(folder / "device"), "/.machine/device", False)]
    if Path("/usr/local").is_dir():
        own.append((str(folder / "local"), "/usr/local", True))
    endpoint = spec.environment.get("AWS_ENDPOINT_URL")
    return Plan(
        root=str(folder / "disk"),
        host_name=host_name(spec.instance_id),
        boot_id=str(boot_id),
        first_id=users.first_id,
        ids=users.ids,
        binds=(*_system_binds(program_folder), *own),
        files=tuple(_system_files()),
        links=(("/.machine/bin/python3", INTERPRETER),),
        cloud_port=urlsplit(endpoint).port if endpoint else None,
        python=INTERPRETER,
        environment={"PATH": BASE_PATH, "LANG": "C.UTF-8", **spec.environment},
    )


def host_name(instance_id: str) -> str:
    """Like EC2's: `ip-10-0-` and two numbers."""
    first, second, *_ = digest(instance_id)
    return f"ip-10-0-{first}-{second}"


def digest(instance_id: str) -> bytes:
    """Bytes that stay the same for an instance."""
    return hashlib.sha256(instance_id.encode()).digest()


def _system_binds(program_folder: Path) -> list[tuple[str, str, bool]]:
    """This computer's programs and libraries, and the Python of this environment, all read-only."""
    binds = [("/usr", "/.machine/usr", False), ("/usr", "/usr", False)]
    for folder in programs.program_folders():
        if not folder.startswith("/usr"):
            binds.append((folder, f"/.machine{folder}", False))
        binds.append((str(program_folder / folder.strip("/")), folder, False))
    own = {folder for _, folder, _ in binds}
    libraries = (folder for folder in LIBRARIES if folder not in own)
    binds.extend(
        (library, library, False) for library in libraries if Path(library).is_dir() and not Path(library).is_symlink()
    )
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


def _system_files() -> list[tuple[str, str]]:
    """`python3 -m venv` gets the stand-in for pip from what it takes for ensurepip."""
    library = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/ensurepip/__main__.py"
    if not Path(sys.base_prefix, library).exists():
        return []
    return [(str(INSIDE / "fakes" / "ensurepip.py"), f"/.machine/python/{library}")]
