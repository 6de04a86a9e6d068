"""The person's laptop in the demo: `gpudesk-session` with a gpudesk token and without AWS credentials."""

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).parents[2]
SECONDS_TO_END = 10


class SessionFailed(Exception):
    """`gpudesk-session` has ended; the text is what it printed."""


class Laptop:
    """Runs one `gpudesk-session` at a time, and ends it at the end.

    :param token: bearer token of the person
    """

    def __init__(self, api_url: str, token: str) -> None:
        """Write the token to a file."""
        self._folder = tempfile.TemporaryDirectory(prefix="gpudesk-laptop-")
        self._messages = Path(self._folder.name) / "messages"
        token_file = Path(self._folder.name) / "token"
        token_file.write_text(f"{token}\n")
        programs = f"{REPOSITORY / 'tools'}:{REPOSITORY / 'local' / 'bin'}"
        self._environment = {
            "HOME": self._folder.name,
            "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}",
            "GPUDESK_URL": api_url,
            "GPUDESK_TOKEN_FILE": str(token_file),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def forward_jupyter(self, instance_id: str, port: int) -> None:
        """Begin to forward Jupyter to a port of this computer."""
        self._end()
        with self._messages.open("wb") as messages:
            self._process = subprocess.Popen(
                ["gpudesk-session", instance_id, "jupyter", str(port)],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=messages,
            )

    def find_message(self) -> str:
        """Return what `gpudesk-session` has printed; empty until the port is open.

        :raises SessionFailed: it has ended
        """
        text = self._messages.read_text().strip()
        if self._process is not None and self._process.poll() is not None:
            raise SessionFailed(text)
        return text

    def __enter__(self) -> Self:
        """Return this laptop."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session and remove the token."""
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
