"""The sessions signal: people on terminals and in editors, by what they do and not by being there.

A tunnel (`ssh -N`), a connection without a terminal (`sshd: user@notty`) and a detached tmux are no activity. A session
by SSM has a terminal like any other.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.editors import Editors
from ssm_documents.probe.signals.processes import Process, list_processes
from ssm_documents.probe.signals.terminals import PTS, Terminal, describe_terminal, list_terminals

MULTIPLEXERS = {"tmux: server": "tmux", "screen": "screen"}
"""The servers that keep sessions alive, by the name that the kernel has of them."""


class SessionsSensor:
    """Active if anybody has typed on a terminal, opened one, or worked in an editor since the last look.

    :param folder: where the terminals are
    :param processes: lists those that run
    """

    name = "sessions"

    def __init__(
        self,
        folder: Path = PTS,
        processes: Callable[[], Sequence[Process]] = list_processes,
        editors: Editors | None = None,
    ) -> None:
        self._folder = folder
        self._processes = processes
        self._editors = editors or Editors()
        self._before: dict[str, int] | None = None

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002  somebody works, or nobody does
        """Look once.

        :raises OSError: the terminals cannot be listed
        """
        terminals, processes = list_terminals(self._folder), self._processes()
        live_counts = _lives(processes)
        used = self._used(terminals)
        try:
            editor = self._editors.active_editor(processes)
        except (OSError, subprocess.SubprocessError) as error:
            editor, problem = None, f"{type(error).__name__}: {error}"
        else:
            problem = ""
        if used:
            return Reading(
                SignalState.ACTIVE, f"{describe_terminal(used, processes, self._folder)} was used", live_counts
            )
        if editor:
            return Reading(SignalState.ACTIVE, f"somebody works in {editor}", live_counts)
        if problem:
            return Reading(SignalState.UNKNOWN, f"an editor's connections cannot be seen: {problem}", live_counts)
        return Reading(SignalState.QUIET, _unused(terminals, self._editors.running), live_counts)

    def _used(self, terminals: Sequence[Terminal]) -> Terminal | None:
        before, self._before = self._before, {terminal.name: terminal.typed for terminal in terminals}
        if before is None:
            return None
        return next((terminal for terminal in terminals if before.get(terminal.name) != terminal.typed), None)


def _lives(processes: Sequence[Process]) -> dict[str, int]:
    """Servers of tmux (one for each user, as a rule) and of screen (one for each session)."""
    return dict(Counter(MULTIPLEXERS[process.name] for process in processes if _is_multiplexer(process)))


def _is_multiplexer(process: Process) -> bool:
    """A server leads a session without a terminal; the program that a person sits at has one, and is also `screen`."""
    return process.name in MULTIPLEXERS and process.terminal == 0


def _unused(terminals: Sequence[Terminal], editors: frozenset[str]) -> str:
    if not terminals and not editors:
        return "nobody is logged in"
    parts = [f"{len(terminals)} terminals"] if terminals else []
    return f"{' and '.join([*parts, *sorted(editors)])} open, none used"
