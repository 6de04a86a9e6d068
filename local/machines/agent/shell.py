"""What the agent's engine asks of whatever runs its scripts: one script in, how it ended out."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Script:
    """One step's script.

    :param step: the step's name
    :param text: the file's whole content
    :param environment: what the agent adds to the machine's own environment
    :param folder: the working directory, or None for the agent's own
    :param timeout: real seconds
    """

    command_id: str
    document_name: str
    step: str
    text: str
    environment: Mapping[str, str]
    folder: str | None
    timeout: float


@dataclass(frozen=True)
class ScriptResult:
    """How a script ended. Output may be longer than the agent reports; it is cut here.

    :param exit_code: negative for a signal
    """

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    how: Literal["exited", "timed out", "cancelled"] = "exited"


class Cancellation:
    """A wish, set once from any thread, that a document stop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._callbacks: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Whether it was wished."""
        return self._is_set

    def set(self) -> None:
        """Wish it."""
        with self._lock:
            self._is_set = True
            for callback in self._callbacks:
                callback()

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Within, `callback` is called when the wish comes. It may not call back."""
        with self._lock:
            self._callbacks.append(callback)
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)


class Shell(Protocol):
    """What runs scripts on one machine."""

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """Run to the end, the time limit or the cancel.

        :raises MachineRebooted: the machine went down under it and is up again
        :raises MachineHalted: the machine went down under it
        """
        ...

    def reboot(self) -> None:
        """Take the machine down and up again."""
        ...
