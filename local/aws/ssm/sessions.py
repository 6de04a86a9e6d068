"""Sessions. The local cloud itself forwards a port to the instance; on AWS, session-manager-plugin does that.

On AWS, a session such as ssh's uses the standard streams of the plugin. Here such a session also gets a port of this
computer. The URL of its stream contains the port, and `local/bin/session-manager-plugin` connects to it.
"""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.ssm.agents import Agents
from local.aws.ssm.documents import load_session_content
from local.machines.host.interface import Forwarding, Machines

SHELL_DOCUMENT = "SSM-SessionManagerRunShell"
FORWARDING_TYPE = "LocalPortForwarding"


@dataclass
class Session:
    """One started session.

    :param forwarding: forwarded port; None for a session without a port
    :param port_parameter: name of the port in the stream's URL: `local_port` if the user connects to the port,
        `stream_port` if the plugin connects to it
    """

    session_id: str
    tracked: TrackedInstance
    document_name: str
    reason: str
    started_at: datetime
    ended_at: datetime | None = None
    forwarding: Forwarding | None = None
    port_parameter: str = "local_port"

    @property
    def local_port(self) -> int | None:
        """Return the port of this computer that leads to the instance."""
        return self.forwarding.local_port if self.forwarding else None


class Sessions:
    """Extension with StartSession, TerminateSession and DescribeSessions. A halt of an instance ends its sessions.

    :param now: returns the cloud's time
    :ivar started: sessions by id, ended ones included
    """

    def __init__(self, now: Callable[[], datetime], machines: Machines, lifecycle: Lifecycle, agents: Agents) -> None:
        """Start without sessions."""
        self.started: dict[str, Session] = {}
        self._now = now
        self._machines = machines
        self._lifecycle = lifecycle
        self._agents = agents
        lifecycle.on_halt.append(self._end_sessions)

    def patch(self, patches: Patches) -> None:
        """Add the calls."""
        patches.add(SimpleSystemManagerResponse, "start_session", self._build_start())
        patches.add(SimpleSystemManagerResponse, "terminate_session", self._build_terminate())
        patches.add(SimpleSystemManagerResponse, "describe_sessions", self._build_describe())

    def close(self) -> None:
        """End all sessions."""
        for session in self.started.values():
            self._end(session, self._now())

    def _build_start(self) -> Callable[[Any], ActionResult]:
        def start_session(response: Any) -> ActionResult:
            target = response._get_param("Target")
            tracked = self._lifecycle.instances.get(target)
            if tracked is None or tracked.region != response.region or not self._agents.is_reachable(target):
                raise CloudError("TargetNotConnected", f"{target} is not connected.")
            name = response._get_param("DocumentName") or SHELL_DOCUMENT
            content = load_session_content(response.ssm_backend, name, response._get_param("Parameters", {}))
            session = Session(
                session_id=f"local-{uuid4().hex[:17]}",
                tracked=tracked,
                document_name=name,
                reason=response._get_param("Reason", ""),
                started_at=self._now(),
            )
            if content["sessionType"] == "Port":
                is_forwarded = content["properties"].get("type") == FORWARDING_TYPE
                session.port_parameter = "local_port" if is_forwarded else "stream_port"
                session.forwarding = self._forward(target, content["properties"])
            self.started[session.session_id] = session
            return ActionResult(_build_start_response(session))

        return start_session

    def _forward(self, instance_id: str, properties: Mapping[str, str]) -> Forwarding:
        remote = _read_port("portNumber", properties)
        local = _read_port("localPortNumber", properties) if properties.get("type") == FORWARDING_TYPE else 0
        try:
            return self._machines.forward(instance_id, remote, local)
        except OSError as error:
            raise CloudError(
                "LocalPortUnavailable",
                f"Port {local} of this computer {_describe_problem(error)}. Send another local_port "
                "(localPortNumber of StartSession).",
            ) from error

    def _build_terminate(self) -> Callable[[Any], ActionResult]:
        def terminate_session(response: Any) -> ActionResult:
            session = self.started.get(response._get_param("SessionId"))
            if session is None:
                raise CloudError("DoesNotExistException", "The session does not exist.")
            self._end(session, self._now())
            return ActionResult({"SessionId": session.session_id})

        return terminate_session

    def _build_describe(self) -> Callable[[Any], ActionResult]:
        def describe_sessions(response: Any) -> ActionResult:
            wants_active = response._get_param("State") == "Active"
            sessions = [
                _describe_session(session)
                for session in self.started.values()
                if session.tracked.region == response.region and (session.ended_at is None) == wants_active
            ]
            return ActionResult({"Sessions": sessions})

        return describe_sessions

    def _end_sessions(self, tracked: TrackedInstance, at: datetime) -> None:
        for session in self.started.values():
            if session.tracked is tracked:
                self._end(session, at)

    def _end(self, session: Session, at: datetime) -> None:
        if session.ended_at is not None:
            return
        if session.forwarding is not None:
            session.forwarding.close()
        session.ended_at = at


def _describe_problem(error: OSError) -> str:
    return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be opened ({os.strerror(error.errno or 0)})"


def _read_port(name: str, properties: Mapping[str, str]) -> int:
    text = properties.get(name, "0")
    if not text.isdigit() or int(text) > 65535:
        raise CloudError("InvalidParameters", f"{name} must be a port number, not {text!r}.")
    return int(text)


def _build_start_response(session: Session) -> Mapping[str, Any]:
    host = f"ssmmessages.{session.tracked.region}.amazonaws.com"
    local = f"&{session.port_parameter}={session.local_port}" if session.local_port else ""
    return {
        "SessionId": session.session_id,
        "StreamUrl": f"wss://{host}/v1/data-channel/{session.session_id}?role=publish_subscribe{local}",
        "TokenValue": uuid4().hex,
    }


def _describe_session(session: Session) -> Mapping[str, Any]:
    return {
        "SessionId": session.session_id,
        "Target": session.tracked.instance.id,
        "Status": "Terminated" if session.ended_at else "Connected",
        "StartDate": session.started_at,
        "EndDate": session.ended_at,
        "DocumentName": session.document_name,
        "Reason": session.reason,
        "Owner": f"arn:aws:iam::{session.tracked.account}:user/local",
    }
