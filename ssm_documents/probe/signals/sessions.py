"""The sessions signal: activity of people on terminals and in editors.

A tunnel (`ssh -N`), a connection without a terminal (`sshd: user@notty`) and a detached tmux are not activity. An SSM
session has a terminal like any other session.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from chalicelib.domain.common.text import join_and, pluralize
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.policy import Thresholds
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.editors import Editors
from ssm_documents.probe.signals.processes import Process, list_processes
from ssm_documents.probe.signals.terminals import PTS, Terminal, describe_terminal, list_terminals

MULTIPLEXERS = {"tmux: server": "tmux", "screen": "screen"}
"""Servers of terminal multiplexers, by the process name in the kernel."""


class SessionsSensor:
    """Active if anybody has typed on a terminal, opened one, or used an editor since the last reading.

    :param folder: the folder of the terminals
    :param processes: lists the running processes
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
        self._last_input: dict[str, int] | None = None

    def read(self, thresholds: Thresholds) -> Reading:  # noqa: ARG002 - typing has no threshold
        """Read all terminals and editor connections.

        :raises OSError: the terminals cannot be listed
        """
        terminals, processes = list_terminals(self._folder), self._processes()
        live_counts = _count_multiplexers(processes)
        used_terminal = self._find_used_terminal(terminals)
        try:
            editor = self._editors.find_active_editor(processes)
        except (OSError, subprocess.SubprocessError) as error:
            editor, problem = None, f"{type(error).__name__}: {error}"
        else:
            problem = ""
        if used_terminal:
            return Reading(
                SignalState.ACTIVE, f"{describe_terminal(used_terminal, processes, self._folder)} was used", live_counts
            )
        if editor:
            return Reading(SignalState.ACTIVE, f"somebody works in {editor}", live_counts)
        if problem:
            return Reading(SignalState.UNKNOWN, f"editor connections cannot be listed: {problem}", live_counts)
        return Reading(SignalState.QUIET, _build_quiet_reason(terminals, self._editors.running_editors), live_counts)

    def _find_used_terminal(self, terminals: Sequence[Terminal]) -> Terminal | None:
        last, self._last_input = self._last_input, {terminal.name: terminal.last_input_ns for terminal in terminals}
        if last is None:
            return None
        return next((terminal for terminal in terminals if last.get(terminal.name) != terminal.last_input_ns), None)


def _count_multiplexers(processes: Sequence[Process]) -> dict[str, int]:
    """Return the number of tmux servers (usually one per user) and of screen servers (one per session)."""
    return dict(Counter(MULTIPLEXERS[process.name] for process in processes if _is_multiplexer(process)))


def _is_multiplexer(process: Process) -> bool:
    """Return whether a process is a server. The client of screen has the same name, but also a terminal."""
    return process.name in MULTIPLEXERS and process.terminal == 0


def _build_quiet_reason(terminals: Sequence[Terminal], editors: frozenset[str]) -> str:
    if not terminals and not editors:
        return "nobody is logged in"
    parts = [pluralize(len(terminals), "terminal")] if terminals else []
    return f"{join_and([*parts, *sorted(editors)])} open, not used"
