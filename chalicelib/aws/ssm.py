"""SSM: read public parameters and agents, run documents. Its sessions are in `session_manager.py`."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.common.document_names import build_document_name
from chalicelib.domain.common.untrusted_text import strip_to_line
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, ObservedAgent, ObservedCommand
from chalicelib.domain.instances.plan import SendDocument
from chalicelib.domain.setup.step_output import StepOutput

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import CloudWatchOutputConfigTypeDef, CommandPluginTypeDef

    class _LogOptions(TypedDict, total=False):
        CloudWatchOutputConfig: CloudWatchOutputConfigTypeDef


AGENTS_PER_CALL = 50

LISTED_OUTPUT_LIMIT = 2_500
"""Characters of a step's output in ListCommandInvocations. GetCommandInvocation returns ten times as many.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CommandPlugin.html
"""

COMPLETE_OUTPUT_LIMIT = LISTED_OUTPUT_LIMIT - 100
"""The agent cuts output a little below the limit, so a longer output may be incomplete."""

MIN_PLUGIN_NAME_LENGTH = 4
"""Shortest name of a step that GetCommandInvocation accepts, although a document may have shorter ones.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html
"""

RUNNING_STATUSES = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})


class Ssm:
    """SSM in all regions. Each method raises AwsError if SSM rejects the call or does not respond."""

    def __init__(self, clients: Clients, stage: str) -> None:
        """Use these SDK clients, and the documents of this stage."""
        self._clients = clients
        self._stage = stage

    def get_parameter(self, region: str, name: str) -> str:
        """Return the value of a public parameter, such as the id of the newest AMI of an Ubuntu release."""
        with translate_errors():
            return self._clients.ssm(region).get_parameter(Name=name)["Parameter"]["Value"]

    def describe_agents(self, region: str, instance_ids: Iterable[str]) -> dict[str, ObservedAgent]:
        """Return the agents that have registered, by EC2 id. SSM is called once for 50 instances."""
        agents: dict[str, ObservedAgent] = {}
        all_ids = sorted(instance_ids)
        for start in range(0, len(all_ids), AGENTS_PER_CALL):
            ids = all_ids[start : start + AGENTS_PER_CALL]
            with translate_errors():
                pages = (
                    self._clients.ssm(region)
                    .get_paginator("describe_instance_information")
                    .paginate(
                        Filters=[{"Key": "InstanceIds", "Values": ids}], PaginationConfig={"PageSize": AGENTS_PER_CALL}
                    )
                )
                for page in pages:
                    for info in page["InstanceInformationList"]:
                        agents[info["InstanceId"]] = ObservedAgent(
                            online=info.get("PingStatus") == "Online", last_ping_at=info["LastPingDateTime"]
                        )
        return agents

    def send_command(self, region: str, instance_id: str, step: SendDocument) -> str:
        """Run a document.

        SendCommand has no client token. So the attempt's id is in the parameters, and in the comment for tracing.

        :returns: the command's id
        """
        with translate_errors():
            response = self._clients.ssm(region).send_command(
                InstanceIds=[instance_id],
                DocumentName=build_document_name(self._stage, step.document),
                Parameters={name: [value] for name, value in step.parameters.items()},
                Comment=step.attempt_id[:100],
                TimeoutSeconds=int(step.delivery_timeout.total_seconds()),
                **_build_log_options(step.log_group),
            )
        return response["Command"]["CommandId"]

    def get_document_hash(self, region: str, name: str) -> str:
        """Return the hash that SSM has computed of the current document. It changes with the document."""
        with translate_errors():
            name_in_ssm = build_document_name(self._stage, name)
            return self._clients.ssm(region).describe_document(Name=name_in_ssm)["Document"]["Hash"]

    def get_command(self, region: str, command_id: str, instance_id: str) -> ObservedCommand | NotVisible:
        """Return the state of a command. Right after SendCommand it may not be visible yet.

        ListCommandInvocations cuts long outputs. Once the command has ended, they are read step by step.
        """
        with translate_errors():
            found = self._clients.ssm(region).list_command_invocations(
                CommandId=command_id, InstanceId=instance_id, Details=True
            )["CommandInvocations"]
        if not found:
            return NotVisible()
        status = _to_status(found[0]["Status"])
        steps = [_to_step(plugin) for plugin in found[0].get("CommandPlugins", ())]
        if status is not CommandStatus.RUNNING:
            steps = [self._read_output(region, command_id, instance_id, step) for step in steps]
        detail = strip_to_line(found[0].get("StatusDetails") or found[0]["Status"])
        return ObservedCommand(command_id=command_id, status=status, status_details=detail, steps=tuple(steps))

    def _read_output(self, region: str, command_id: str, instance_id: str, step: StepOutput) -> StepOutput:
        if len(step.output) < COMPLETE_OUTPUT_LIMIT or len(step.name) < MIN_PLUGIN_NAME_LENGTH:
            return step
        with translate_errors():
            response = self._clients.ssm(region).get_command_invocation(
                CommandId=command_id, InstanceId=instance_id, PluginName=step.name
            )
        outputs = response["StandardOutputContent"], response["StandardErrorContent"]
        return replace(step, output="\n".join(text for text in outputs if text))


def _build_log_options(group: str | None) -> "_LogOptions":
    """Return the options that make the agent write complete logs to CloudWatch, under the instance's role."""
    if group is None:
        return {}
    return {"CloudWatchOutputConfig": {"CloudWatchLogGroupName": group, "CloudWatchOutputEnabled": True}}


def _to_status(status: str) -> CommandStatus:
    if status in RUNNING_STATUSES:
        return CommandStatus.RUNNING
    return CommandStatus.SUCCEEDED if status == "Success" else CommandStatus.FAILED


def _to_step(plugin: "CommandPluginTypeDef") -> StepOutput:
    return StepOutput(
        name=plugin.get("Name", ""),
        status=plugin.get("Status", ""),
        exit_code=plugin.get("ResponseCode", 0),
        output=plugin.get("Output", ""),
        started_at=plugin.get("ResponseStartDateTime"),
        ended_at=plugin.get("ResponseFinishDateTime"),
    )
