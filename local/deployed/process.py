"""Process of a function: Lambda's execution environment, with a Runtime API of its own."""

import os
import queue
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.deployed.runtime_api import Answer, AnswerKind, Invocation, RuntimeApi

HOOKS = Path(__file__).with_name("clock_hook")
"""A folder with one module, which Python imports at its start. Nothing else is added to the path of the zip."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings with which a process is started.

    :param environment: all its variables, except those of the Runtime API and of Python
    :param log: the file of its output
    """

    python: Path
    code: Path
    handler: str
    environment: Mapping[str, str]
    log: Path


class FunctionProcess:
    """A running process. It answers one event at a time."""

    def __init__(self, settings: Settings) -> None:
        """Start the process, which begins to import the code."""
        self._api = RuntimeApi()
        settings.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **settings.environment,
            "AWS_LAMBDA_RUNTIME_API": self._api.address,
            # Lambda's folder of the code is read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(HOOKS),
        }
        with settings.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(settings.python), "-m", "awslambdaric", settings.handler],
                cwd=settings.code,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        threading.Thread(target=self._report_end, name="function", daemon=True).start()

    def wait_until_initialized(self, timeout: float) -> Answer | None:
        """Wait until the code is imported.

        :param timeout: seconds
        :returns: why it could not be imported; None if it is imported
        """
        self._api.is_initialized.wait(timeout)
        try:
            return self._api.answers.get_nowait()
        except queue.Empty:
            return None if self._api.is_initialized.is_set() else Answer(AnswerKind.EXIT)

    def invoke(self, invocation: Invocation, timeout: float) -> Answer | None:
        """Hand over an event and wait for the answer.

        :param timeout: seconds
        :returns: None after the timeout
        """
        self._api.send(invocation)
        try:
            return self._api.answers.get(timeout=timeout)
        except queue.Empty:
            return None

    def read_cpu_seconds(self) -> float:
        """Return the CPU time of the process so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._api.close()

    def _report_end(self) -> None:
        self._process.wait()
        self._api.answers.put(Answer(AnswerKind.EXIT))
        self._api.is_initialized.set()
