"""Interface between the agent's engine and a machine that runs its scripts."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Script:
    """Script of one step.

    :param step: name of the step
    :param text: content of the script file
    :param environment: variables that the agent adds to the machine's own
    :param folder: working directory; None is the agent's own
    :param timeout: time limit in real seconds
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
    """Result of a script. Its output may be longer than what the agent reports.

    :param exit_code: exit code, or the negative number of the signal that ended the script
    :param ending: reason why the script ended
    :param problem: why the agent could not run the script, as the agent reports it; empty: the script ran
    """

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    ending: Literal["exited", "timed out", "cancelled"] = "exited"
    problem: str = ""


class Cancellation:
    """Cancellation of a document, which any thread can set once."""

    def __init__(self) -> None:
        """Start without a cancellation."""
        self._lock = threading.Lock()
        self._is_set = False
        self._callbacks: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        """Return whether the document is cancelled."""
        return self._is_set

    def set(self) -> None:
        """Cancel the document and call the callbacks."""
        with self._lock:
            self._is_set = True
            for callback in self._callbacks:
                callback()

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call `callback` if the document is cancelled inside the block. The callback must not use this object."""
        with self._lock:
            self._callbacks.append(callback)
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)


class Shell(Protocol):
    """Executor of scripts on one machine."""

    def execute(self, script: Script, cancellation: Cancellation) -> ScriptResult:
        """Run a script until its end, its time limit or its cancellation.

        :raises MachineHalted: the machine halted or rebooted before the end
        """
        ...

    def reboot(self) -> None:
        """Halt and boot the machine."""
        ...
