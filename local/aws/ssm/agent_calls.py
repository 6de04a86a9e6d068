"""Calls that the SSM agent of an instance makes with the role of the instance.

They change nothing here, but the role must allow them: the agent of an instance without a role, or whose role does not
let it connect, never registers.
https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html
"""

from collections.abc import Iterable, Mapping

from local.aws.core.errors import CloudError
from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.iam.access_checks.call import Call
from local.aws.iam.enforcement import Enforcement
from local.aws.sts.machine_roles import MachineRoles
from local.machines.host.access_keys import build_machine_key

CONTROL_CHANNEL = ("CreateControlChannel", "OpenControlChannel")
"""Operations of ssmmessages with which an agent waits for commands."""

DATA_CHANNEL = ("CreateDataChannel", "OpenDataChannel")
"""Operations of ssmmessages with which an agent serves a session."""

MESSAGES = ("GetEndpoint", "GetMessages", "AcknowledgeMessage", "SendReply", "DeleteMessage", "FailMessage")
"""Operations of ec2messages with which an agent receives commands if it cannot open a control channel."""


class AgentCalls:
    """The permissions that the roles of instances give their agents.

    :ivar has_control_channels: whether instances reach ssmmessages. Without it, agents receive commands by ec2messages,
        and serve no sessions
    """

    def __init__(self, roles: MachineRoles, enforcement: Enforcement) -> None:
        """Let all instances reach ssmmessages."""
        self.has_control_channels = True
        self._roles = roles
        self._enforcement = enforcement

    def can_register(self, tracked: TrackedInstance) -> bool:
        """Return whether an agent can register and receive commands."""
        if not self._allows(tracked, "ssm", ["UpdateInstanceInformation"], {"InstanceId": tracked.instance.id}):
            return False
        if self.has_control_channels:
            return self._allows(tracked, "ssmmessages", CONTROL_CHANNEL, {})
        return self._allows(tracked, "ec2messages", MESSAGES, {})

    def can_serve_session(self, tracked: TrackedInstance, session_id: str) -> bool:
        """Return whether an agent can open its end of a session."""
        return self.has_control_channels and self._allows(
            tracked, "ssmmessages", DATA_CHANNEL, {"SessionId": session_id}
        )

    def can_write_logs(self, tracked: TrackedInstance, group: str, stream: str, *, is_new_group: bool) -> bool:
        """Return whether an agent can write a stream of a log group, after it has looked for both.

        :param is_new_group: the group does not exist, so the agent creates it
        """
        names = {"logGroupName": group, "logStreamName": stream}
        return (
            self._allows(tracked, "logs", ["DescribeLogGroups"], {})
            and (not is_new_group or self._allows(tracked, "logs", ["CreateLogGroup"], {"logGroupName": group}))
            and self._allows(tracked, "logs", ["DescribeLogStreams"], {"logGroupName": group})
            and self._allows(tracked, "logs", ["CreateLogStream", "PutLogEvents"], names)
        )

    def _allows(
        self, tracked: TrackedInstance, service: str, operations: Iterable[str], parameters: Mapping[str, str]
    ) -> bool:
        role = self._roles.find(build_machine_key(tracked.instance.id))
        if role is None:
            return False
        try:
            for operation in operations:
                self._enforcement.check(role, Call(service, operation, parameters, tracked.region, tracked.account))
        except CloudError:
            return False
        return True
