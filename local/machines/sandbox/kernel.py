"""System calls of Linux that a sandbox needs and that Python 3.11 does not offer.

Each function raises OSError with the kernel's error number. `enter_sandbox.py` imports this module in a new process for
each boot, so it imports little, and only from the standard library.
"""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 1
_SYS_MOUNT_SETATTR = 442
_PR_SET_PDEATHSIG = 1
_SIOCSIFADDR = 0x8916
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Move this process into new namespaces of the kinds in `flags`."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Call mount(2)."""
    arguments = [None if word is None else word.encode() for word in (source, target, kind, data)]
    result = _libc.mount(arguments[0], arguments[1], arguments[2], ctypes.c_ulong(flags), arguments[3])
    _check(result, f"mount {source} on {target}")


def bind(source: str, target: str, *, writable: bool) -> None:
    """Mount `source`, with everything that is mounted below it, on `target`: read-only unless `writable`."""
    mount(source, target, flags=MS_BIND | MS_REC)
    if not writable:
        _make_read_only(target)


def _make_read_only(target: str) -> None:
    attributes = struct.pack("QQQQ", _MOUNT_ATTR_RDONLY, 0, 0, 0)
    result = _libc.syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, target.encode(), _AT_RECURSIVE, attributes, len(attributes))
    _check(result, f"mount_setattr (Linux 5.12 or later) on {target}")


def change_root(root: str) -> None:
    """Make the mount point `root` the root of this process, and unmount the old root."""
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount of the old root")
    os.chdir("/")


def die_with_parent(signal: int) -> None:
    """Make the kernel send `signal` to this process when the thread that started it ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl")


def set_host_name(name: str) -> None:
    """Call sethostname(2)."""
    _check(_libc.sethostname(name.encode(), len(name)), "sethostname")


def bring_up_loopback(second_address: str) -> None:
    """Bring up 127.0.0.1 in this network namespace, and add a second address to the same interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0) + bytes(14)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(control, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP) + bytes(14))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(second_address))
        fcntl.ioctl(control, _SIOCSIFADDR, struct.pack("16s", b"lo:1") + address)
