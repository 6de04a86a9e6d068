"""Sessions: StartSession, ResumeSession, TerminateSession and DescribeSessions.

As on AWS, the port on the laptop is opened by the plugin, and the data channel must be opened by the identity that has
started the session.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.iam.access_checks.ssm import DEFAULT_SESSION_DOCUMENT
from local.aws.ssm.agents import Agents
from local.aws.ssm.data_channels import DataChannels
from local.aws.ssm.documents import load_session_content
from local.aws.ssm.session import Session
from local.aws.sts.assumed_roles import AssumedRoles
from local.aws.sts.role_sessions import AssumedRole

CHANNEL_OPEN_FOR = timedelta(hours=1)
"""Time after which the service closes a data channel (aws/session-manager-plugin#135)."""


class Sessions:
    """Extension with the calls of Session Manager. A halt of an instance ends its sessions.

    :param now: returns the cloud's time
    :param roles: assumed roles, whose identity a session has
    :ivar started: sessions by id, ended ones included
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        lifecycle: Lifecycle,
        agents: Agents,
        roles: AssumedRoles,
        channels: DataChannels,
    ) -> None:
        """Start without sessions."""
        self.started: dict[str, Session] = {}
        self._now = now
        self._lifecycle = lifecycle
        self._agents = agents
        self._roles = roles
        self._channels = channels
        lifecycle.on_halt.append(self._end_sessions)

    def patch(self, patches: Patches) -> None:
        """Add the calls."""
        patches.add(SimpleSystemManagerResponse, "start_session", self._build_start())
        patches.add(SimpleSystemManagerResponse, "resume_session", self._build_resume())
        patches.add(SimpleSystemManagerResponse, "terminate_session", self._build_terminate())
        patches.add(SimpleSystemManagerResponse, "describe_sessions", self._build_describe())

    def tick(self) -> None:
        """Close the data channels that have been open for an hour."""
        for session in self.started.values():
            if session.channel_opened_at and self._now() - session.channel_opened_at >= CHANNEL_OPEN_FOR:
                session.close_channel()

    def list_tags(self, session_id: str) -> Mapping[str, str]:
        """Return the tags that Session Manager gives a session. A session that does not exist has none.

        https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-restrict-access-examples.html
        """
        session = self.started.get(session_id)
        if session is None:
            return {}
        prefix = "aws:ssmmessages"
        return {f"{prefix}:session-id": session.user_id, f"{prefix}:target-id": session.tracked.instance.id}

    def close_channels(self) -> int:
        """Close all open data channels now, and return their number."""
        opened = [session for session in self.started.values() if session.channel_opened_at]
        for session in opened:
            session.close_channel()
        return len(opened)

    def close(self) -> None:
        """End all sessions."""
        for session in self.started.values():
            session.end(self._now())
        self._channels.close()

    def _build_start(self) -> Callable[[Any], ActionResult]:
        def start_session(response: Any) -> ActionResult:
            tracked = self._find_connected(response.region, response._get_param("Target"))
            name = response._get_param("DocumentName") or DEFAULT_SESSION_DOCUMENT
            content = load_session_content(response.ssm_backend, name, response._get_param("Parameters", {}))
            _check_ports(content)
            role = self._roles.find(response.get_access_key())
            session_id = f"{role.session_name if role else 'local'}-{uuid4().hex[:17]}"
            session = Session(
                session_id=session_id,
                tracked=tracked,
                document_name=name,
                content=content,
                reason=response._get_param("Reason", ""),
                owner=role.arn if role else f"arn:aws:iam::{tracked.account}:user/local",
                user_id=role.user_id if role else "",
                started_at=self._now(),
                token=uuid4().hex,
                is_served=self._agents.calls.can_serve_session(tracked, session_id),
            )
            self.started[session.session_id] = session
            return ActionResult(self._build_answer(session))

        return start_session

    def _find_connected(self, region: str, target: str) -> TrackedInstance:
        """Return the instance.

        :raises CloudError: Session Manager does not know its agent
        """
        tracked = self._lifecycle.instances.get(target)
        if tracked is None or tracked.region != region or not self._agents.can_open_sessions(target):
            raise CloudError("TargetNotConnected", f"{target} is not connected.")
        return tracked

    def _build_resume(self) -> Callable[[Any], ActionResult]:
        def resume_session(response: Any) -> ActionResult:
            session = self._find_own(response)
            if session.ended_at is not None:
                raise CloudError("DoesNotExistException", "The session does not exist.")
            session.token = uuid4().hex
            return ActionResult(self._build_answer(session))

        return resume_session

    def _build_terminate(self) -> Callable[[Any], ActionResult]:
        def terminate_session(response: Any) -> ActionResult:
            session = self._find_own(response)
            session.end(self._now(), "The session was terminated.")
            return ActionResult({"SessionId": session.session_id})

        return terminate_session

    def _find_own(self, response: Any) -> Session:
        """Return the session that a call names.

        :raises CloudError: it does not exist, or an assumed role did not start it
        """
        session = self.started.get(response._get_param("SessionId"))
        if session is None:
            raise CloudError("DoesNotExistException", "The session does not exist.")
        role: AssumedRole | None = self._roles.find(response.get_access_key())
        if role is not None and role.user_id != session.user_id:
            raise CloudError("AccessDeniedException", "Another identity has started the session.", status=403)
        return session

    def _build_describe(self) -> Callable[[Any], ActionResult]:
        def describe_sessions(response: Any) -> ActionResult:
            wants_active = response._get_param("State") == "Active"
            filters = [(entry["key"], entry["value"]) for entry in response._get_param("Filters", [])]
            sessions = [
                session.describe()
                for session in self.started.values()
                if session.tracked.region == response.region and (session.ended_at is None) == wants_active
            ]
            return ActionResult({"Sessions": [each for each in sessions if _matches(each, filters)]})

        return describe_sessions

    def _build_answer(self, session: Session) -> Mapping[str, Any]:
        """Return the answer of StartSession and ResumeSession."""
        host = f"ssmmessages.{session.tracked.region}.amazonaws.com"
        query = f"role=publish_subscribe&local_port={self._channels.listen(self.started)}"
        url = f"wss://{host}/v1/data-channel/{session.session_id}?{query}"
        return {"SessionId": session.session_id, "StreamUrl": url, "TokenValue": session.token}

    def _end_sessions(self, tracked: TrackedInstance, at: datetime) -> None:
        for session in self.started.values():
            if session.tracked is tracked:
                session.end(at)


def _matches(described: Mapping[str, Any], filters: Iterable[tuple[str, str]]) -> bool:
    return all(described.get(key) == value for key, value in filters)


def _check_ports(content: Mapping[str, Any]) -> None:
    properties = content.get("properties", {}) if content["sessionType"] == "Port" else {}
    for name in ("portNumber", "localPortNumber"):
        text = properties.get(name, "0")
        if not text.isdigit() or int(text) > 65535:
            raise CloudError("InvalidParameters", f"{name} must be a port number, not {text!r}.")
