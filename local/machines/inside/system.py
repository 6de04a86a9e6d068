"""System calls of the machine's own processes."""

import contextlib
import ctypes
import os
import pwd
import signal
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become_user(user: pwd.struct_passwd) -> None:
    """Change to a user.

    The sandbox of a user without root rights has no other user than root. There the process enters a user namespace in
    which root has the number of `user`, because some programs check the number: Jupyter refuses to run as root.
    """
    try:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except OSError:
        if ctypes.CDLL(None).unshare(_CLONE_NEWUSER) == 0:
            with contextlib.suppress(OSError):
                Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{user.pw_uid} 0 1")
            Path("/proc/self/gid_map").write_text(f"{user.pw_gid} 0 1")


def reset_signals() -> None:
    """Restore the default signal handlers after a fork from a process that handles signals."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
