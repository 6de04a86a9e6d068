"""AWS client of a person with credentials of her own, who checks in the demo what gpudesk reports."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import boto3

ERROR_RULE = "----------ERROR-------"
"""Line that SSM puts between a step's standard output and its standard error."""


@dataclass(frozen=True)
class StepStatus:
    """Status of a document's step as SSM shows it.

    :param last_line: last line of its standard output; empty if it has none
    """

    name: str
    status: str
    last_line: str


class AwsUser:
    """Client of EC2 and SSM that counts its calls.

    :ivar calls: number of calls by operation, for example "ec2:DescribeInstances"
    """

    def __init__(self, region: str) -> None:
        """Create the clients."""
        self.calls: Counter[str] = Counter()
        self._ec2 = boto3.client("ec2", region)
        self._ssm = boto3.client("ssm", region)
        for client in (self._ec2, self._ssm):
            client.meta.events.register("before-call", self._count_call)

    def get_ec2_state(self, instance_id: str) -> str:
        """Return the state of an EC2 instance, for example `running`."""
        reservations = self._ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
        return reservations[0]["Instances"][0]["State"]["Name"]

    def list_zones(self, instance_type: str) -> list[str]:
        """Return the zones that offer an instance type."""
        offerings = self._ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [instance_type]}]
        )["InstanceTypeOfferings"]
        return [offering["Location"] for offering in offerings]

    def list_steps(self, command_id: str) -> list[StepStatus]:
        """Return the steps of a command that was sent to one instance."""
        invocations = self._ssm.list_command_invocations(CommandId=command_id, Details=True)["CommandInvocations"]
        return [
            StepStatus(step["Name"], step["Status"], _find_last_line(step["Output"]))
            for invocation in invocations
            for step in invocation["CommandPlugins"]
        ]

    def send_command(self, instance_id: str, line: str) -> str:
        """Send a line of shell code, which the instance runs as root.

        :returns: id of the command
        """
        response = self._ssm.send_command(
            InstanceIds=[instance_id], DocumentName="AWS-RunShellScript", Parameters={"commands": [line]}
        )
        return response["Command"]["CommandId"]

    def find_output(self, instance_id: str, command_id: str) -> str | None:
        """Return the standard output of a command that has succeeded; None until then."""
        try:
            invocation = self._ssm.get_command_invocation(CommandId=command_id, InstanceId=instance_id)
        except self._ssm.exceptions.InvocationDoesNotExist:
            return None
        return invocation["StandardOutputContent"].strip() if invocation["Status"] == "Success" else None

    def _count_call(self, model: Any, **_: Any) -> None:
        self.calls[f"{model.service_model.service_name}:{model.name}"] += 1


def _find_last_line(output: str) -> str:
    lines = [line.strip() for line in output.partition(ERROR_RULE)[0].splitlines() if line.strip()]
    return lines[-1] if lines else ""
