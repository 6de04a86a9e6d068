"""Events for EventBridge about the status of a command and of its invocations."""

from datetime import datetime
from typing import Any

from local.aws.core.events import EventLog, EventOrigin, build_command_status_change, build_invocation_status_change
from local.aws.ssm.invocations import Command, InvocationRun

MILLISECONDS = "%Y-%m-%dT%H:%M:%S.000Z"


def emit_status_changes(log: EventLog, command: Command, run: InvocationRun, before: str, at: datetime) -> None:
    """Emit the new status of an invocation, and that of its command if it has changed, too.

    :param before: status of the command before the change
    """
    detail: dict[str, Any] = {
        "command-id": command.command_id,
        "document-name": command.document_name,
        "requested-date-time": command.requested_at.strftime(MILLISECONDS),
        "status": run.status,
    }
    origin = EventOrigin(at, command.account, command.region)
    log.emit(build_invocation_status_change(origin, run.instance_id, detail))
    if command.status != before:
        detail |= {
            "status": command.status,
            "expire-after": command.expires_at.strftime(MILLISECONDS),
            "parameters": {name: list(values) for name, values in command.parameters.items()},
        }
        log.emit(build_command_status_change(origin, command.instance_ids, detail))
