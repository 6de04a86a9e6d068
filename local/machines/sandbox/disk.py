"""Disk of a machine: a folder with the writable parts of its root file system."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from local.machines.host.interface import MachineSpec

from .plan import build_host_name, find_root_links, hash_instance_id

FOLDERS = (
    "boot", "etc/apt", "etc/default", "etc/profile.d", "etc/systemd/system", "home/ubuntu", "mnt", "opt", "root",
    "run", "srv", "tmp", "usr", "var/cache", "var/lib/dpkg", "var/log", "var/snap/amazon-ssm-agent/current",
    "var/spool", "var/tmp",
)  # fmt: skip
USR_LOCAL_FOLDERS = ("bin", "etc", "lib", "sbin", "share", "src")
COPIED_FILES = (
    "ld.so.cache",
    "ld.so.conf",
    "mime.types",
    "protocols",
    "services",
    "shells",
    "login.defs",
    "bash.bashrc",
)
UBUNTU_ID = 1000
CODE_NAMES = {"18.04": "bionic", "20.04": "focal", "22.04": "jammy", "24.04": "noble"}


def create(folder: Path, spec: MachineSpec, first_id: int, ids: int) -> None:
    """Create a disk: `folder/disk` is the root, `folder/local` is its /usr/local.

    :param first_id: user id that the machine's root has on this computer
    :param ids: number of users on the machine
    """
    root, local = folder / "disk", folder / "local"
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in USR_LOCAL_FOLDERS:
        (local / name).mkdir(parents=True)
    for name in ("tmp", "var/tmp"):
        (root / name).chmod(0o1777)
    for link, target in {"var/run": "/run", "var/lock": "/run/lock", **find_root_links()}.items():
        (root / link.lstrip("/")).symlink_to(target)
    if sys.base_prefix == "/usr/local":
        for library in Path("/usr/local/lib").glob("libpython*.so*"):
            (local / "lib" / library.name).symlink_to(f"/.machine/python/lib/{library.name}")
    _write_etc(root / "etc", spec)
    if os.geteuid() == 0 and ids > UBUNTU_ID:
        _change_owner(root, first_id)
        _change_owner(local, first_id)
        os.lchown(root / "home" / "ubuntu", first_id + UBUNTU_ID, first_id + UBUNTU_ID)


def copy(source: Path, folder: Path) -> None:
    """Create a disk as a copy of another disk, including the owners of files.

    The content of /run is not copied, because it is in memory on a real instance. A file that disappears during the
    copy or cannot be read is left out.
    """
    folder.mkdir(parents=True)
    for part in ("disk", "local"):
        subprocess.run(["cp", "--archive", str(source / part), str(folder / part)], check=False, capture_output=True)
    for entry in (folder / "disk" / "run").iterdir():
        shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() and not entry.is_symlink() else entry.unlink()


def remove(folder: Path) -> None:
    """Remove a folder, whatever the modes of its subfolders are. Do not follow links."""
    for parent, names, _ in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)
    if folder.exists():
        shutil.rmtree(folder)


def _write_etc(etc: Path, spec: MachineSpec) -> None:
    name = build_host_name(spec.instance_id)
    version, code_name = spec.platform_version, CODE_NAMES.get(spec.platform_version, "jammy")
    texts = {
        "passwd": "root:x:0:0:root:/root:/bin/bash\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
        f"ubuntu:x:{UBUNTU_ID}:{UBUNTU_ID}:Ubuntu:/home/ubuntu:/bin/bash\n",
        "group": f"root:x:0:\nadm:x:4:ubuntu\nsudo:x:27:ubuntu\nnogroup:x:65534:\nubuntu:x:{UBUNTU_ID}:\n",
        "hosts": f"127.0.0.1 localhost {name}\n::1 localhost\n",
        "hostname": f"{name}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "resolv.conf": "",
        "timezone": "Etc/UTC\n",
        "machine-id": f"{hash_instance_id(spec.instance_id).hex()[:32]}\n",
        "os-release": f'PRETTY_NAME="{spec.platform_name} {version} LTS"\nNAME="{spec.platform_name}"\n'
        f'VERSION_ID="{version}"\nVERSION="{version} LTS"\nVERSION_CODENAME={code_name}\n'
        f"ID={spec.platform_name.lower()}\nID_LIKE=debian\nUBUNTU_CODENAME={code_name}\n",
        "lsb-release": f"DISTRIB_ID={spec.platform_name}\nDISTRIB_RELEASE={version}\n"
        f'DISTRIB_CODENAME={code_name}\nDISTRIB_DESCRIPTION="{spec.platform_name} {version} LTS"\n',
    }
    for file, text in texts.items():
        (etc / file).write_text(text)
    for file in COPIED_FILES:
        if Path("/etc", file).is_file():
            shutil.copyfile(Path("/etc", file), etc / file)
    if Path("/etc/alternatives").is_dir():
        shutil.copytree("/etc/alternatives", etc / "alternatives", symlinks=True)
    (etc / "localtime").symlink_to("/usr/share/zoneinfo/Etc/UTC")


def _change_owner(folder: Path, first_id: int) -> None:
    for parent, folders, files in os.walk(folder):
        for name in (".", *folders, *files):
            os.lchown(Path(parent, name), first_id, first_id)
