"""SSM: public parameters, agents, commands, sessions."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypedDict

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.common.deadlines import SSM_DELIVERY_TIMEOUT
from chalicelib.domain.instances.observation import CommandStatus, NotVisible, ObservedAgent, ObservedCommand
from chalicelib.domain.instances.plan import SendDocument
from chalicelib.domain.sessions.session import SessionPlan
from chalicelib.domain.setup.step_output import StepOutput

if TYPE_CHECKING:
    from mypy_boto3_ssm.type_defs import CloudWatchOutputConfigTypeDef, CommandPluginTypeDef

    class _Logged(TypedDict, total=False):
        CloudWatchOutputConfig: CloudWatchOutputConfigTypeDef


AGENTS_A_PAGE = 50

LISTED_OUTPUT_LIMIT = 2_500
"""Characters of a step's output that ListCommandInvocations shows; GetCommandInvocation shows ten times as many.

https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CommandPlugin.html
"""

COMPLETE_OUTPUT_LIMIT = LISTED_OUTPUT_LIMIT - 100
"""The agent cuts a little before the limit."""

RUNNING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})


@dataclass(frozen=True)
class Session:
    """What session-manager-plugin takes. The token is shown once and never kept; `repr` leaves it out of every log.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html
    """

    session_id: str
    stream_url: str
    token: str = field(repr=False)


class Ssm:
    """Raises the kinds of CloudError."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def get_parameter(self, region: str, name: str) -> str:
        """A public parameter, such as the newest AMI of a line."""
        with translate_errors():
            return self._clients.ssm(region).get_parameter(Name=name)["Parameter"]["Value"]

    def describe_agents(self, region: str, instance_ids: Iterable[str]) -> dict[str, ObservedAgent]:
        """The agents that have registered, by instance; fifty a call."""
        found: dict[str, ObservedAgent] = {}
        change = sorted(instance_ids)
        for start in range(0, len(change), AGENTS_A_PAGE):
            ids = change[start : start + AGENTS_A_PAGE]
            with translate_errors():
                pages = (
                    self._clients.ssm(region)
                    .get_paginator("describe_instance_information")
                    .paginate(
                        Filters=[{"Key": "InstanceIds", "Values": ids}], PaginationConfig={"PageSize": AGENTS_A_PAGE}
                    )
                )
                for page in pages:
                    for info in page["InstanceInformationList"]:
                        found[info["InstanceId"]] = ObservedAgent(
                            online=info.get("PingStatus") == "Online", last_ping_at=info["LastPingDateTime"]
                        )
        return found

    def send_command(self, region: str, instance_id: str, step: SendDocument) -> str:
        """SendCommand, which has no token: the attempt's id is in the parameters, and in the comment as a trace.

        :returns: the command's id
        """
        with translate_errors():
            answer = self._clients.ssm(region).send_command(
                InstanceIds=[instance_id],
                DocumentName=step.document,
                Parameters={name: [value] for name, value in step.parameters.items()},
                Comment=step.attempt_id[:100],
                TimeoutSeconds=int(SSM_DELIVERY_TIMEOUT.total_seconds()),
                **_logged_to(step.log_group),
            )
        return answer["Command"]["CommandId"]

    def get_document_hash(self, region: str, name: str) -> str:
        """What SSM has computed of the document as it is now; another one, another document."""
        with translate_errors():
            return self._clients.ssm(region).describe_document(Name=name)["Document"]["Hash"]

    def get_command(self, region: str, command_id: str, instance_id: str) -> ObservedCommand | NotVisible:
        """Where a command is; right after SendCommand SSM may not know it yet.

        A step that said more than the list shows is asked for by itself, once the command has ended.
        """
        with translate_errors():
            found = self._clients.ssm(region).list_command_invocations(
                CommandId=command_id, InstanceId=instance_id, Details=True
            )["CommandInvocations"]
        if not found:
            return NotVisible()
        status = _status(found[0]["Status"])
        steps = [_step(plugin) for plugin in found[0].get("CommandPlugins", ())]
        if status is not CommandStatus.RUNNING:
            steps = [self._whole(region, command_id, instance_id, step) for step in steps]
        detail = found[0].get("StatusDetails") or found[0]["Status"]
        return ObservedCommand(command_id=command_id, status=status, status_details=detail, steps=tuple(steps))

    def _whole(self, region: str, command_id: str, instance_id: str, step: StepOutput) -> StepOutput:
        if len(step.output) < COMPLETE_OUTPUT_LIMIT:
            return step
        with translate_errors():
            answer = self._clients.ssm(region).get_command_invocation(
                CommandId=command_id, InstanceId=instance_id, PluginName=step.name
            )
        submitted = answer["StandardOutputContent"], answer["StandardErrorContent"]
        return replace(step, output="\n".join(text for text in submitted if text))

    def start_session(self, region: str, instance_id: str, plan: SessionPlan, *, reason: str) -> Session:
        """StartSession, on the way to an answer that a person waits for.

        :param reason: who, for CloudTrail and DescribeSessions, which know only the desk's role
        """
        with translate_errors():
            answer = self._clients.ssm(region).start_session(
                Target=instance_id,
                DocumentName=plan.document,
                Reason=reason[:256],
                Parameters={name: [value] for name, value in plan.parameters.items()},
            )
        return Session(answer["SessionId"], answer["StreamUrl"], answer["TokenValue"])


def _logged_to(group: str | None) -> "_Logged":
    """Whole logs, written by the agent under the instance's own role."""
    if group is None:
        return {}
    return {"CloudWatchOutputConfig": {"CloudWatchLogGroupName": group, "CloudWatchOutputEnabled": True}}


def _status(status: str) -> CommandStatus:
    if status in RUNNING:
        return CommandStatus.RUNNING
    return CommandStatus.SUCCEEDED if status == "Success" else CommandStatus.FAILED


def _step(plugin: "CommandPluginTypeDef") -> StepOutput:
    return StepOutput(
        name=plugin.get("Name", ""),
        status=plugin.get("Status", ""),
        exit_code=plugin.get("ResponseCode", 0),
        output=plugin.get("Output", ""),
        started_at=plugin.get("ResponseStartDateTime"),
        ended_at=plugin.get("ResponseFinishDateTime"),
    )
