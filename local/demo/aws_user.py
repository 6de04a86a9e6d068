"""The person's side of AWS: what they would do with the `aws` command."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import boto3

ERROR_RULE = "----------ERROR-------"


@dataclass(frozen=True)
class StepStatus:
    """A step of a document, as SSM tells of it."""

    name: str
    status: str
    last_line: str


class AwsUser:
    """Asks EC2 and SSM directly, with the person's own keys; counts what it asks.

    :ivar calls: "ec2:DescribeInstances" and how often
    """

    def __init__(self, region: str) -> None:
        self.calls: Counter[str] = Counter()
        self._ec2 = boto3.client("ec2", region)
        self._ssm = boto3.client("ssm", region)
        for client in (self._ec2, self._ssm):
            client.meta.events.register("before-call", self._count)

    def ec2_state(self, instance_id: str) -> str:
        """What EC2 itself says of the instance."""
        found = self._ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        return found[0]["Instances"][0]["State"]["Name"]

    def steps(self, command_id: str) -> list[StepStatus]:
        """The steps of a command that was sent to one instance."""
        found = self._ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
        return [
            StepStatus(step["Name"], step["Status"], _last_line(step["Output"]))
            for invocation in found
            for step in invocation["CommandPlugins"]
        ]

    def send(self, instance_id: str, line: str) -> str:
        """Have a line run on the instance. :returns: the command's id"""
        sent = self._ssm.send_command(
            InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": [line]}
        )
        return sent["Command"]["CommandId"]

    def output(self, instance_id: str, command_id: str) -> str | None:
        """What a command printed, once it succeeded; None until then."""
        try:
            observation = self._ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
        except self._ssm.exceptions.InvocationDoesNotExist:
            return None
        return observation["StandardOutputContent"].strip() if observation["Status"] == "Success" else None

    def _count(self, model: Any, **_: Any) -> None:
        self.calls[f"{model.service_model.service_name}:{model.name}"] += 1


def _last_line(output: str) -> str:
    """Of the standard output; SSM puts the errors behind a rule."""
    lines = [line.strip() for line in output.partition(ERROR_RULE)[0].splitlines() if line.strip()]
    return lines[-1] if lines else ""
