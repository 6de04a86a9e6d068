"""Session Manager, a part of SSM: start and describe sessions."""

from dataclasses import dataclass, field

from chalicelib.aws.clients import Clients
from chalicelib.aws.errors import translate_errors
from chalicelib.domain.sessions.role import Credentials
from chalicelib.domain.sessions.session import SessionPlan


@dataclass(frozen=True)
class Session:
    """The input of session-manager-plugin. The token is shown once and never stored; `repr` keeps it out of logs.

    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_StartSession.html

    :param endpoint_url: endpoint of SSM, where the plugin resumes and ends the session
    """

    session_id: str
    stream_url: str
    token: str = field(repr=False)
    endpoint_url: str


class SessionManager:
    """Session Manager in all regions. Each method raises AwsError if it rejects the call or does not respond."""

    def __init__(self, clients: Clients) -> None:
        """Use these SDK clients."""
        self._clients = clients

    def start_session(
        self, region: str, instance_id: str, plan: SessionPlan, credentials: Credentials, *, reason: str
    ) -> Session:
        """Start a session as the identity of the credentials.

        :param reason: names the person for DescribeSessions and CloudTrail
        """
        client = self._clients.create_ssm(region, credentials)
        with translate_errors():
            response = client.start_session(
                Target=instance_id,
                DocumentName=plan.document,
                Reason=reason[:256],
                Parameters={name: [value] for name, value in plan.parameters.items()},
            )
        return Session(response["SessionId"], response["StreamUrl"], response["TokenValue"], client.meta.endpoint_url)

    def terminate_session(self, region: str, session_id: str, credentials: Credentials) -> None:
        """End a session as the identity that has started it."""
        with translate_errors():
            self._clients.create_ssm(region, credentials).terminate_session(SessionId=session_id)

    def find_active_target(self, region: str, session_id: str) -> str | None:
        """Return the EC2 id of the instance that an active session is connected to; None: it is not active."""
        with translate_errors():
            found = self._clients.ssm(region).describe_sessions(
                State="Active", Filters=[{"key": "SessionId", "value": session_id}]
            )["Sessions"]
        return next((each.get("Target") for each in found if each.get("SessionId") == session_id), None)
