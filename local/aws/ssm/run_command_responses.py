"""Conversion of commands and invocations into the responses of Run Command."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.aws.core.errors import CloudError
from local.aws.ssm.invocations import Command, InvocationRun

MAX_STDOUT, MAX_STDERR = 24_000, 8_000
"""Limits of GetCommandInvocation. The agent reports more of standard error.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html"""

NOT_ENDED = -1

ResponseShape = Mapping[str, Any]


def describe_command(command: Command) -> ResponseShape:
    """Return a command for SendCommand and ListCommands."""
    ended = [run for run in command.runs.values() if run.has_ended]
    return {
        "CommandId": command.command_id,
        "DocumentName": command.document_name,
        "DocumentVersion": command.document_version,
        "Comment": command.comment,
        "ExpiresAfter": command.expires_at,
        "Parameters": command.parameters,
        "InstanceIds": command.instance_ids,
        "Targets": command.targets,
        "RequestedDateTime": command.requested_at,
        "Status": command.status,
        "StatusDetails": command.status,
        "MaxConcurrency": "50",
        "MaxErrors": "0",
        "TargetCount": len(command.runs),
        "CompletedCount": len(ended),
        "ErrorCount": sum(run.status == "Failed" for run in ended),
        "DeliveryTimedOutCount": sum(run.details == "DeliveryTimedOut" for run in ended),
        "TimeoutSeconds": command.timeout_seconds,
    }


def describe_invocation(command: Command, run: InvocationRun, plugin_name: str | None) -> ResponseShape:
    """Return an invocation for GetCommandInvocation.

    :param plugin_name: step to describe; None is the only step, or the whole document if it has several steps
    :raises CloudError: InvalidPluginName
    """
    if plugin_name is None and len(command.plugins) == 1:
        (plugin_name,) = command.plugins
    if plugin_name is not None and plugin_name not in command.plugins:
        raise CloudError("InvalidPluginName", "The plugin name isn't valid.")
    step = run.find_step(command.plugins[plugin_name]) if plugin_name else None
    start, end = run.find_times(command.plugins[plugin_name]) if plugin_name else (run.started_at, run.ended_at)
    return {
        "CommandId": command.command_id,
        "InstanceId": run.instance_id,
        "Comment": command.comment,
        "DocumentName": command.document_name,
        "DocumentVersion": command.document_version,
        "PluginName": plugin_name or "",
        "ResponseCode": step.exit_code if step else _find_exit_code(run),
        "ExecutionStartDateTime": _format_time(start),
        "ExecutionElapsedTime": _format_elapsed(start, end),
        "ExecutionEndDateTime": _format_time(end),
        "Status": step.status if step and step.status != "Skipped" else run.status,
        "StatusDetails": step.status if step else run.details,
        "StandardOutputContent": step.stdout[:MAX_STDOUT] if step else "",
        "StandardOutputUrl": "",
        "StandardErrorContent": step.stderr[:MAX_STDERR] if step else "",
        "StandardErrorUrl": "",
    }


def describe_listed_invocation(command: Command, run: InvocationRun, with_details: bool) -> ResponseShape:
    """Return an invocation for ListCommandInvocations."""
    return {
        "CommandId": command.command_id,
        "InstanceId": run.instance_id,
        "InstanceName": "",
        "Comment": command.comment,
        "DocumentName": command.document_name,
        "DocumentVersion": command.document_version,
        "RequestedDateTime": command.requested_at,
        "Status": run.status,
        "StatusDetails": run.details,
        "CommandPlugins": [_describe_plugin(command, run, name) for name in command.plugins] if with_details else [],
    }


def matches_filter(command: Command, key: str, value: str) -> bool:
    """Return whether a command matches one filter of ListCommands.

    :raises CloudError: InvalidFilterKey; AWS has no filter for the comment
    """
    match key:
        case "InvokedAfter":
            return command.requested_at >= datetime.fromisoformat(value)
        case "InvokedBefore":
            return command.requested_at < datetime.fromisoformat(value)
        case "Status":
            return command.status == value
        case "DocumentName":
            return command.document_name == value
    raise CloudError("InvalidFilterKey", f"The specified key isn't valid: {key}")


def _describe_plugin(command: Command, run: InvocationRun, name: str) -> ResponseShape:
    step = run.find_step(command.plugins[name])
    start, end = run.find_times(command.plugins[name])
    return {
        "Name": name,
        "Status": step.status if step and step.status != "Skipped" else run.status,
        "StatusDetails": step.status if step else run.details,
        "ResponseCode": step.exit_code if step else _find_exit_code(run),
        "ResponseStartDateTime": start,
        "ResponseFinishDateTime": end,
        "Output": step.output if step else "",
        "StandardOutputUrl": "",
        "StandardErrorUrl": "",
    }


def _find_exit_code(run: InvocationRun) -> int:
    return run.outcome.exit_code if run.outcome and run.has_ended else NOT_ENDED


def _format_time(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if at else ""


def _format_elapsed(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return ""
    return f"PT{(end - start).total_seconds():g}S"
