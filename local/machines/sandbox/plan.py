"""Description of a machine's boot as data. `enter_sandbox.py` carries it out in a separate process."""

import hashlib
import json
import os
import sys
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.machines.host.interface import MachineSpec

from . import programs

FIRST_ID = 1_879_000_000
"""Far from any user id of this computer and of containers, so that root inside owns nothing outside."""

IDS = 65_536
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
INTERPRETER = f"/.machine/python/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
"""Path of the base interpreter on the machine."""

INSIDE = Path(__file__).parent.parent / "inside"
LIBRARIES = ("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")


@dataclass(frozen=True)
class UserRange:
    """Users of a machine: `ids` of them, from `first_id` of this computer on."""

    first_id: int
    ids: int


@dataclass(frozen=True)
class Plan:
    """One boot.

    :param root: the machine's disk, which becomes its root
    :param binds: folders to mount, in order: path on this computer, path on the machine, whether it is writable
    :param files: single files to mount read-only: path on this computer, path on the machine
    :param links: symbolic links to create: path, target
    :param cloud_port: port on the machine's loopback that leads to the cloud; None without a cloud
    :param python: path of the interpreter on the machine
    :param environment: variables of services
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
        """Write the plan as JSON for `enter_sandbox.py`."""
        path.write_text(json.dumps(asdict(self)))


def find_user_range() -> UserRange:
    """Return a range of users if this user may assign one (root may), else root only."""
    if os.geteuid() != 0:
        return UserRange(0, 1)
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = (int(word) for word in line.split())
        if first <= FIRST_ID and first + count >= FIRST_ID + IDS:
            return UserRange(FIRST_ID, IDS)
    return UserRange(0, 1)


def build_plan(spec: MachineSpec, folder: Path, program_root: Path, users: UserRange) -> Plan:
    """Return the plan of a machine's next boot, which has a new boot id.

    :param folder: the machine's folder, as `disk.create` created it
    :param program_root: folder of the fleet for its folders of programs
    """
    boot_id = folder / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    program_folder = programs.build_folder(program_root, gpu=spec.gpu is not None, users=users.ids > 1)
    machine_binds = [(str(folder / "device"), "/.machine/device", False)]
    if Path("/usr/local").is_dir():
        machine_binds.append((str(folder / "local"), "/usr/local", True))
    endpoint = spec.environment.get("AWS_ENDPOINT_URL")
    return Plan(
        root=str(folder / "disk"),
        host_name=build_host_name(spec.instance_id),
        boot_id=str(boot_id),
        first_id=users.first_id,
        ids=users.ids,
        binds=(*_list_system_binds(program_folder), *machine_binds),
        files=tuple(_list_system_files()),
        links=(("/.machine/bin/python3", INTERPRETER),),
        cloud_port=urlsplit(endpoint).port if endpoint else None,
        python=INTERPRETER,
        environment={"PATH": BASE_PATH, "LANG": "C.UTF-8", **spec.environment},
    )


def build_host_name(instance_id: str) -> str:
    """Return a host name like EC2's: `ip-10-0-` and two numbers."""
    first, second, *_ = hash_instance_id(instance_id)
    return f"ip-10-0-{first}-{second}"


def hash_instance_id(instance_id: str) -> bytes:
    """Return bytes that are always the same for an instance."""
    return hashlib.sha256(instance_id.encode()).digest()


def _list_system_binds(program_folder: Path) -> list[tuple[str, str, bool]]:
    """Return this computer's programs and libraries, and the Python of this environment, all read-only."""
    binds = [("/usr", "/.machine/usr", False), ("/usr", "/usr", False)]
    for folder in programs.list_program_folders():
        if not folder.startswith("/usr"):
            binds.append((folder, f"/.machine{folder}", False))
        binds.append((str(program_folder / folder.strip("/")), folder, False))
    machine_binds = {folder for _, folder, _ in binds}
    libraries = (folder for folder in LIBRARIES if folder not in machine_binds)
    binds.extend(
        (library, library, False) for library in libraries if Path(library).is_dir() and not Path(library).is_symlink()
    )
    return [
        *binds,
        *((sys.base_prefix, place, False) for place in _list_python_folders()),
        (sys.prefix, "/.machine/environment", False),
        (str(INSIDE), "/.machine/code/local/machines/inside", False),
    ]


def _list_python_folders() -> list[str]:
    """Return where the machine shows the base interpreter.

    A Python with a shared library looks for it where it was built, so it is shown there as well.
    """
    is_shared = any(Path(sys.base_prefix, "lib").glob("libpython*.so*"))
    return ["/.machine/python", *([sys.base_prefix] if is_shared and not sys.base_prefix.startswith("/usr") else [])]


def find_root_links() -> dict[str, str]:
    """Return the links at the top of the disk, such as /bin -> usr/bin, as this computer has them."""
    return {folder: str(Path(folder).readlink()) for folder in LIBRARIES if Path(folder).is_symlink()}


def _list_system_files() -> list[tuple[str, str]]:
    """Return the file with which `python3 -m venv` installs the fake pip, in place of ensurepip."""
    library = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/ensurepip/__main__.py"
    if not Path(sys.base_prefix, library).exists():
        return []
    return [(str(INSIDE / "fakes" / "ensurepip.py"), f"/.machine/python/{library}")]
