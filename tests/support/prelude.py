"""Steps that begin with the prelude, run on this computer without a sandbox."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from ssm_documents.step_script import read_prelude


class StepRunner:
    """Runner of steps, as the SSM agent runs them. A folder of the test replaces /var/lib/gpudesk.

    :ivar setup: lines of shell before the prelude
    :ivar replaced: texts of the prelude and their replacements
    :ivar ran: file to which a step appends a line when it runs
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scripts = 0
        self.setup = ""
        self.state = folder / "state"
        self.boot_id = folder / "boot_id"
        self.boot_id.write_text("first\n")
        self.replaced = {
            "/var/lib/gpudesk": str(self.state),
            "/proc/sys/kernel/random/boot_id": str(self.boot_id),
        }
        self.position = "1 of 2"
        self.previous = ""
        self.time_limit = 100
        self.always = False
        self.ran = folder / "ran"

    def write_script(self, body: str, step: str = "step") -> Path:
        prelude = read_prelude()
        for original, replacement in self.replaced.items():
            prelude = prelude.replace(original, replacement)
        names = (
            f"GPUDESK_DOCUMENT='document'\nGPUDESK_STEP='{step}'\nGPUDESK_POSITION='{self.position}'\n"
            f"GPUDESK_PREVIOUS='{self.previous}'\nGPUDESK_TIME_LIMIT='{self.time_limit}'\n"
            f"GPUDESK_SCRIPT_HASH='{hashlib.sha256(body.encode()).hexdigest()}'\nGPUDESK_STEP_PARAMETERS='gpuCount'\n"
            f"GPUDESK_ALWAYS='{'1' if self.always else ''}'"
        )
        self._scripts += 1
        script = self._folder / f"script-{self._scripts}.sh"
        script.write_text(
            f"#!/usr/bin/env bash\nset -euo pipefail\n{names}\n{self.setup}{prelude}\n{body}\n", encoding="utf-8"
        )
        script.chmod(0o755)
        return script

    def start(self, body: str, attempt: str = "a1", step: str = "step", **values: str) -> "subprocess.Popen[str]":
        parameters = {f"SSM_{name}": value for name, value in {"attemptId": attempt, **values}.items()}
        environment = {"PATH": os.environ["PATH"], "RAN": str(self.ran), **parameters}
        command = ["sh", "-c", str(self.write_script(body, step))]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def run(self, body: str, attempt: str = "a1", step: str = "step", **values: str) -> tuple[int, str]:
        status, output, _ = self.run_with_errors(body, attempt, step, **values)
        return status, output

    def run_with_errors(
        self, body: str, attempt: str = "a1", step: str = "step", **values: str
    ) -> tuple[int, str, str]:
        """Return the exit status, the standard output and the standard error of a step."""
        process = self.start(body, attempt, step, **values)
        output, errors = process.communicate(timeout=30)
        return process.returncode, output, errors

    def read_progress(self) -> dict[str, Any] | None:
        file = self.state / "progress.json"
        return json.loads(file.read_text()) if file.exists() else None

    def reboot(self) -> None:
        self.boot_id.write_text(f"after {self.boot_id.read_text()}")

    def count_runs(self) -> int:
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0
