"""Plan of a machine's boot as data. `enter_sandbox.py` carries it out in a separate process."""

import hashlib
import json
import os
import sys
import sysconfig
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.machines.host.interface import MachineSpec

from . import programs

FIRST_ID = 1_879_000_000
"""First user id of a machine. It is far from all user ids of this computer, so root inside owns no file outside."""

IDS = 65_536
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin"
INTERPRETER = f"/.machine/python/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
"""Path of the base interpreter on the machine."""

INSIDE = Path(__file__).parent.parent / "inside"
LIBRARIES = ("/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")


@dataclass(frozen=True)
class UserRange:
    """User ids of this computer that a machine uses: `ids` of them, from `first_id` on."""

    first_id: int
    ids: int


@dataclass(frozen=True)
class Plan:
    """One boot of a machine.

    :param root: folder of the machine's disk, which becomes its root
    :param boot_id: file with the boot id
    :param binds: folders to mount, in order: path on this computer, path on the machine, whether it is writable
    :param files: single files to mount read-only: path on this computer, path on the machine
    :param links: symbolic links to create: path, target
    :param cloud_port: port on the machine's loopback for requests to the cloud; None without a cloud
    :param python: path of the interpreter on the machine
    :param environment: environment variables of services
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
    """Return the range of user ids for machines. Only root may assign ids to them; otherwise they have only root."""
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
    :param program_root: folder in which the fleet keeps the programs of its machines
    """
    boot_id = folder / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    program_folder = programs.build_folder(program_root, has_gpu=spec.gpu is not None, has_users=users.ids > 1)
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
    """Return a host name like EC2's, for example `ip-10-0-12-34`."""
    first, second, *_ = hash_instance_id(instance_id)
    return f"ip-10-0-{first}-{second}"


def hash_instance_id(instance_id: str) -> bytes:
    """Return a hash of an instance id, for values that stay the same at every boot."""
    return hashlib.sha256(instance_id.encode()).digest()


def _list_system_binds(program_folder: Path) -> list[tuple[str, str, bool]]:
    """Return the read-only mounts: programs and libraries of this computer, and the Python of this environment."""
    binds = [("/usr", "/.machine/usr", False), ("/usr", "/usr", False)]
    for folder in programs.list_program_folders():
        if not folder.startswith("/usr"):
            binds.append((folder, f"/.machine{folder}", False))
        binds.append((str(program_folder / folder.strip("/")), folder, False))
    mounted = {target for _, target, _ in binds}
    libraries = (folder for folder in LIBRARIES if folder not in mounted)
    binds.extend(
        (library, library, False) for library in libraries if Path(library).is_dir() and not Path(library).is_symlink()
    )
    return [
        *binds,
        *((sys.base_prefix, target, False) for target in _list_python_folders()),
        *_hide_packages(program_folder),
        (sys.prefix, "/.machine/environment", False),
        (str(INSIDE), "/.machine/code/local/machines/inside", False),
    ]


def _hide_packages(program_folder: Path) -> list[tuple[str, str, bool]]:
    """Return the mount of an empty folder over the packages of the base interpreter, which a new instance lacks."""
    packages = Path(sysconfig.get_path("purelib", "posix_prefix", {"base": sys.base_prefix}))
    if not packages.is_dir():
        return []
    return [(str(program_folder / programs.EMPTY), f"/.machine/python/{packages.relative_to(sys.base_prefix)}", False)]


def _list_python_folders() -> list[str]:
    """Return the folders of the machine on which the base interpreter is mounted.

    A Python with a shared library searches the library where Python was built, so it is also mounted there.
    """
    is_shared = any(Path(sys.base_prefix, "lib").glob("libpython*.so*"))
    return ["/.machine/python", *([sys.base_prefix] if is_shared and not sys.base_prefix.startswith("/usr") else [])]


def find_root_links() -> dict[str, str]:
    """Return the links in the root folder, such as /bin -> usr/bin, as on this computer."""
    return {folder: str(Path(folder).readlink()) for folder in LIBRARIES if Path(folder).is_symlink()}


def _list_system_files() -> list[tuple[str, str]]:
    """Return the file that replaces ensurepip, so that `python3 -m venv` installs the fake pip."""
    library = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/ensurepip/__main__.py"
    if not Path(sys.base_prefix, library).exists():
        return []
    return [(str(INSIDE / "fakes" / "ensurepip.py"), f"/.machine/python/{library}")]
