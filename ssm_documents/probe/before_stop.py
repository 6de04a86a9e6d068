"""The before-stop hook of a self-stop, which gpudesk cannot run: the probe runs it as the document would."""

from __future__ import annotations

import logging
import subprocess
from pathlib import Path

from chalicelib.domain.idle.heartbeat_response import HOOK_FOLDER

LIMIT_SECONDS = 110
"""The limit of gpudesk's document (`domain/instances/before_stop.py`)."""

_ENVIRONMENT = ("HOME=/home/ubuntu", "USER=ubuntu", "PATH=/usr/local/bin:/usr/bin:/bin", "GPUDESK_STOP_REASON=self")


def run_hook(path: str, lock: Path, limit_seconds: int = LIMIT_SECONDS) -> None:
    """Run a hook as the user ubuntu, and log how it ends. Its output goes to the journal.

    The lock of the documents keeps gpudesk's own document from running the hook at the same time.

    :param limit_seconds: after this time, and 5 seconds more, its process group is killed
    """
    try:
        program = Path(path).resolve(strict=True)
        if not program.is_relative_to(HOOK_FOLDER) or program.owner() != "ubuntu":
            raise OSError(f"{program} is not in {HOOK_FOLDER} or does not belong to ubuntu")
        limits = ("flock", "-no", str(lock), "timeout", "-k5", str(limit_seconds))
        command = (*limits, "runuser", "-u", "ubuntu", "--", "env", "-i", *_ENVIRONMENT, str(program))
        subprocess.run(command, check=True, cwd=HOOK_FOLDER, stdin=subprocess.DEVNULL, timeout=limit_seconds + 9)
    except (OSError, KeyError, subprocess.SubprocessError) as error:
        logging.error("The before-stop hook %s did not succeed: %s", path, error)
