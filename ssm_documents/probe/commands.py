"""The commands that users run on the instance, by the name after "gpudesk-"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ssm_documents.probe.history_command import run_history
from ssm_documents.probe.hold_command import run_hold
from ssm_documents.probe.keep_command import run_keep
from ssm_documents.probe.status_command import run_status

COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "hold": run_hold,
    "keep": run_keep,
    "status": run_status,
    "history": run_history,
}
