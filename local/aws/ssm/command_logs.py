"""Complete output of a command's steps in CloudWatch Logs, if SendCommand requests it.

A missing log group is created. The streams are COMMAND/INSTANCE/STEP/stdout and .../stderr; empty output has no stream.
https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-rc-setting-up-cwlogs.html
"""

from datetime import datetime

from moto.logs.models import logs_backends

from local.aws.ssm.invocations import Command, InvocationRun
from local.machines.host.interface import StepResult


def write_logs(command: Command, run: InvocationRun, at: datetime) -> None:
    """Write the output of a command that has ended on an instance, if it has a log group and a result."""
    if command.log_group and run.outcome is not None:
        backend = logs_backends[command.account][command.region]
        if command.log_group not in backend.groups:
            backend.create_log_group(command.log_group, {})
        for step in run.outcome.steps:
            for stream, text in _map_streams(command, run, step).items():
                backend.create_log_stream(command.log_group, stream)
                stamp = int(at.timestamp() * 1000)
                events = [{"timestamp": stamp, "message": line} for line in text.splitlines() if line]
                # moto's own call rejects times far from the real time, but these are on the cloud's clock.
                backend.groups[command.log_group].put_log_events(stream, events)


def _map_streams(command: Command, run: InvocationRun, step: StepResult) -> dict[str, str]:
    prefix = f"{command.command_id}/{run.instance_id}/{step.name}"
    return {f"{prefix}/{name}": text for name, text in zip(("stdout", "stderr"), step.full_output, strict=True) if text}
