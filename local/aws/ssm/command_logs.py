"""Complete output of a command's steps in CloudWatch Logs, if SendCommand requests it.

The agent writes it with the role of the instance, and creates a missing log group. Without the permission, the output
is missing and the command ends as before. The streams are COMMAND/INSTANCE/STEP/stdout and .../stderr; empty output has
no stream.
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-rc-setting-up-cwlogs.html
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from moto.logs.models import logs_backends

from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.ssm.agent_calls import AgentCalls
from local.aws.ssm.invocations import Command, InvocationRun


def write_logs(command: Command, run: InvocationRun, tracked: TrackedInstance, calls: AgentCalls, at: datetime) -> None:
    """Write the output of a command that has ended on an instance, if it has a log group and a result."""
    if not command.log_group or run.outcome is None:
        return
    backend = logs_backends[command.account][command.region]
    for stream, text in _list_streams(command, run):
        is_new = command.log_group not in backend.groups
        if calls.can_write_logs(tracked, command.log_group, stream, is_new_group=is_new):
            if is_new:
                backend.create_log_group(command.log_group, {})
            _write_stream(backend, command.log_group, stream, text.splitlines(), at)


def _write_stream(backend: Any, group: str, stream: str, lines: Sequence[str], at: datetime) -> None:
    backend.create_log_stream(group, stream)
    stamp = int(at.timestamp() * 1000)
    events = [{"timestamp": stamp, "message": line} for line in lines if line]
    # moto's own call rejects times far from the real time, but these are on the cloud's clock.
    backend.groups[group].put_log_events(stream, events)


def _list_streams(command: Command, run: InvocationRun) -> Iterator[tuple[str, str]]:
    """Yield the streams that have text, with the text."""
    for step in run.outcome.steps if run.outcome else ():
        for name, text in zip(("stdout", "stderr"), step.full_output, strict=True):
            if text:
                yield f"{command.command_id}/{run.instance_id}/{step.name}/{name}", text
