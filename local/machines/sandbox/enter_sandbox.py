"""Program that enters the namespaces of a machine and becomes the machine's first process.

Usage: `python -m local.machines.sandbox.enter_sandbox FD PLAN`. FD is the control socket to the host, PLAN a JSON file
(see `plan.py`). The program works for root and for any other user, in two steps:

1. As root of this computer or of a new user namespace, it mounts everything, brings up the network, changes the root.
2. It enters a second user namespace. Then root inside can neither unmount the earlier mounts nor make them writable. It
   cannot change the kernel's settings (/proc/sys) or the network, because they belong to the outer namespace.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.machines.inside import wire

from . import kernel

METADATA_ADDRESS = "169.254.169.254"
PROC_COUNTERS = {
    "stat": "cpu  0 0 0 0 0 0 0 0 0 0\n",
    "diskstats": " 259       0 nvme0n1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
}
"""Initial content of files in /proc. `inside/cpu_time.py` updates stat. The counters of the disk stay 0."""

DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}


def main(control_fd: int, plan_path: str) -> int:
    """Start the machine, wait for its end, and return its exit status. SIGTERM ends the machine at once."""
    plan = json.loads(Path(plan_path).read_text())
    os.umask(0o022)
    if os.geteuid() != 0:
        _become_root_of_own_namespace()
    kernel.unshare(
        kernel.CLONE_NEWNS | kernel.CLONE_NEWPID | kernel.CLONE_NEWUTS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWNET
    )
    first = os.fork()
    if first == 0:
        _run_machine(control_fd, plan)
    os.close(control_fd)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(first, signal.SIGKILL))
    _, status = os.waitpid(first, 0)
    return os.waitstatus_to_exitcode(status) & 0xFF


def _become_root_of_own_namespace() -> None:
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _run_machine(control_fd: int, plan: Mapping[str, Any]) -> None:
    """Build the machine and replace this process by its first program. This never returns."""
    kernel.die_with_parent(signal.SIGKILL)
    control = socket.socket(fileno=control_fd)
    kernel.set_host_name(plan["host_name"])
    kernel.bring_up_loopback(METADATA_ADDRESS)
    _send_listeners(control, plan["cloud_port"])
    _build_root(plan)
    kernel.change_root(plan["root"])
    _enter_user_namespace(plan["first_id"], plan["ids"])
    kernel.die_with_parent(signal.SIGKILL)
    os.set_inheritable(control.fileno(), True)
    os.chdir("/.machine/code")
    program = plan["python"]
    options = [
        "-E",
        "-s",
        "-S",
        "-m",
        "local.machines.inside.init",
        str(control.fileno()),
        json.dumps(plan["environment"]),
    ]
    os.execve(program, [program, *options], {"PATH": "/usr/bin:/bin"})


def _send_listeners(control: socket.socket, cloud_port: int | None) -> None:
    """Send listening sockets in the machine's network to the host, which serves the metadata and the cloud on them."""
    addresses = {"metadata": (METADATA_ADDRESS, 80)}
    if cloud_port is not None:
        addresses["cloud"] = ("127.0.0.1", cloud_port)
    for name, address in addresses.items():
        with socket.create_server(address) as listener:
            wire.send(control, {"event": "listener", "name": name}, [listener.fileno()])
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")


def _build_root(plan: Mapping[str, Any]) -> None:
    root = plan["root"]
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.bind(root, root, writable=True)
    kernel.mount("tmpfs", _create_mount_point(root, "/.machine"), "tmpfs", kernel.MS_NODEV, "mode=755")
    for source, target, writable in plan["binds"]:
        kernel.bind(source, _create_mount_point(root, target), writable=writable)
    for source, target in plan["files"]:
        kernel.bind(source, root + target, writable=False)
    for link, target in plan["links"]:
        Path(root + link).parent.mkdir(parents=True, exist_ok=True)
        Path(root + link).symlink_to(target)
    _mount_proc(root, plan["boot_id"])
    _mount_counters(root, plan["first_id"])
    _mount_devices(_create_mount_point(root, "/dev"))


def _create_mount_point(root: str, path: str) -> str:
    """Create the folder to mount on, and return its path.

    :raises OSError: a program on the machine has replaced a part of the path by a link, which must not be followed
    """
    folder = Path(root)
    for part in path.strip("/").split("/"):
        folder = folder / part
        if folder.is_symlink():
            raise OSError(f"{path}: The machine's disk has a link in place of a system folder.")
        folder.mkdir(exist_ok=True)
    return str(folder)


def _mount_proc(root: str, boot_id_file: str) -> None:
    flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    proc = _create_mount_point(root, "/proc")
    kernel.mount("proc", proc, "proc", flags)
    kernel.bind(boot_id_file, f"{proc}/sys/kernel/random/boot_id", writable=False)
    kernel.bind(f"{proc}/sys", f"{proc}/sys", writable=False)


def _mount_counters(root: str, owner: int) -> None:
    """Mount files of the machine over the kernel's counters, which count the whole computer."""
    for name, content in PROC_COUNTERS.items():
        file = Path(root, ".machine", name)
        file.write_text(content)
        if os.geteuid() == 0 and owner:
            os.chown(file, owner, owner)
        kernel.bind(str(file), f"{root}/proc/{name}", writable=False)


def _mount_devices(dev: str) -> None:
    kernel.mount("tmpfs", dev, "tmpfs", kernel.MS_NOSUID, "mode=755")
    for name in DEVICES:
        Path(dev, name).touch()
        kernel.bind(f"/dev/{name}", f"{dev}/{name}", writable=False)
    for name, target in DEVICE_LINKS.items():
        Path(dev, name).symlink_to(target)
    Path(dev, "pts").mkdir()
    kernel.mount("devpts", f"{dev}/pts", "devpts", kernel.MS_NOSUID, "newinstance,ptmxmode=0666,mode=620")
    Path(dev, "shm").mkdir()
    kernel.mount("tmpfs", f"{dev}/shm", "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")


def _enter_user_namespace(first_id: int, ids: int) -> None:
    """Enter the second user namespace, in which the `ids` users and groups from `first_id` on are 0, 1 and so on."""
    read_end, write_end = os.pipe()
    helper = os.fork()
    if helper == 0:
        os.close(write_end)
        os.read(read_end, 1)
        for kind in ("uid", "gid"):
            Path(f"/proc/1/{kind}_map").write_text(f"0 {first_id} {ids}")
        os._exit(0)
    kernel.unshare(kernel.CLONE_NEWUSER | kernel.CLONE_NEWNS)
    os.write(write_end, b"!")
    _, status = os.waitpid(helper, 0)
    if status != 0:
        raise PermissionError("The users of the machine could not be mapped.")
    os.close(read_end)
    os.close(write_end)
    if ids > 1:
        os.setgroups([])
    os.setgid(0)
    os.setuid(0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2]))
