"""Complete output of a command's steps in CloudWatch Logs, if SendCommand requests it.

The log group is created if it is missing. A stream is COMMAND/INSTANCE/STEP/stdout or stderr; empty output has none.
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-rc-setting-up-cwlogs.html
"""

from datetime import datetime

from moto.logs.models import logs_backends

from local.aws.ssm.invocations import Command, InvocationRun
from local.machines.host.port import StepResult


def write_logs(command: Command, run: InvocationRun, at: datetime) -> None:
    """Write the output of a command that has ended on an instance; nothing if no log group or result exists."""
    if command.log_group and run.outcome is not None:
        backend = logs_backends[command.account][command.region]
        if command.log_group not in backend.groups:
            backend.create_log_group(command.log_group, {})
        for step in run.outcome.steps:
            for stream, text in _map_streams(command, run, step).items():
                backend.create_log_stream(command.log_group, stream)
                stamp = int(at.timestamp() * 1000)
                events = [{"timestamp": stamp, "message": line} for line in text.splitlines() if line]
                # The backend's own call rejects times far from the real time; these are on the cloud's clock.
                backend.groups[command.log_group].put_log_events(stream, events)


def _map_streams(command: Command, run: InvocationRun, step: StepResult) -> dict[str, str]:
    prefix = f"{command.command_id}/{run.instance_id}/{step.name}"
    return {f"{prefix}/{name}": text for name, text in zip(("stdout", "stderr"), step.full_output, strict=True) if text}
