"""Sessions: a forwarded port really is forwarded, by the cloud itself, as the session-manager-plugin would.

A session that on AWS would be on the plugin's standard streams (ssh's) gets a port of this computer, too, which the
stream's URL names: `local/bin/session-manager-plugin` connects to it.
"""

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
from local.aws.ssm.documents import session_content
from local.machines.host.port import Forwarding, Machines

SHELL = "SSM-SessionManagerRunShell"
FORWARDED = "LocalPortForwarding"


@dataclass
class Session:
    """One that was started.

    :param forwarding: the port that leads to the machine, where the session is for one
    :param port_is: how the stream's URL calls it: the laptop's own, or one for the plugin's standard streams
    """

    session_id: str
    life: TrackedInstance
    document_name: str
    reason: str
    started_at: datetime
    ended_at: datetime | None = None
    forwarding: Forwarding | None = None
    port_is: str = "local_port"

    @property
    def local_port(self) -> int | None:
        """The port of this computer that leads to the machine."""
        return self.forwarding.local_port if self.forwarding else None


class Sessions:
    """StartSession, TerminateSession, DescribeSessions. A machine that halts ends its sessions.

    :param now: the cloud's time
    """

    def __init__(self, now: Callable[[], datetime], machines: Machines, lifecycle: Lifecycle, agents: Agents) -> None:
        self.started: dict[str, Session] = {}
        self._now = now
        self._machines = machines
        self._lifecycle = lifecycle
        self._agents = agents
        lifecycle.on_halt.append(self._end_those_of)

    def patch(self, patches: Patches) -> None:
        patches.add(SimpleSystemManagerResponse, "start_session", self._start())
        patches.add(SimpleSystemManagerResponse, "terminate_session", self._terminate())
        patches.add(SimpleSystemManagerResponse, "describe_sessions", self._describe())

    def close(self) -> None:
        """End all of them."""
        for session in self.started.values():
            self._end(session, self._now())

    def _start(self) -> Callable[[Any], ActionResult]:
        def start_session(response: Any) -> ActionResult:
            target = response._get_param("Target")
            life = self._lifecycle.instances.get(target)
            if life is None or life.region != response.region or not self._agents.is_reachable(target):
                raise CloudError("TargetNotConnected", f"{target} is not connected.")
            name = response._get_param("DocumentName") or SHELL
            content = session_content(response.ssm_backend, name, response._get_param("Parameters", {}))
            session = Session(
                session_id=f"local-{uuid4().hex[:17]}",
                life=life,
                document_name=name,
                reason=response._get_param("Reason", ""),
                started_at=self._now(),
            )
            if content["sessionType"] == "Port":
                is_forwarded = content["properties"].get("type") == FORWARDED
                session.port_is = "local_port" if is_forwarded else "stream_port"
                session.forwarding = self._forward(target, content["properties"])
            self.started[session.session_id] = session
            return ActionResult(_token(session))

        return start_session

    def _forward(self, instance_id: str, properties: Mapping[str, str]) -> Forwarding:
        remote = _port("portNumber", properties)
        local = _port("localPortNumber", properties) if properties.get("type") == FORWARDED else 0
        try:
            return self._machines.forward(instance_id, remote, local)
        except OSError as error:
            raise CloudError(
                "LocalPortUnavailable",
                f"port {local} of this computer cannot lead to port {remote} of {instance_id} ({error}); "
                f"choose another localPortNumber, or 0 for any free one",
            ) from error

    def _terminate(self) -> Callable[[Any], ActionResult]:
        def terminate_session(response: Any) -> ActionResult:
            session = self.started.get(response._get_param("SessionId"))
            if session is None:
                raise CloudError("DoesNotExistException", "The session does not exist.")
            self._end(session, self._now())
            return ActionResult({"SessionId": session.session_id})

        return terminate_session

    def _describe(self) -> Callable[[Any], ActionResult]:
        def describe_sessions(response: Any) -> ActionResult:
            wants_active = response._get_param("State") == "Active"
            found = [
                _described(session)
                for session in self.started.values()
                if session.life.region == response.region and (session.ended_at is None) == wants_active
            ]
            return ActionResult({"Sessions": found})

        return describe_sessions

    def _end_those_of(self, life: TrackedInstance, at: datetime) -> None:
        for session in self.started.values():
            if session.life is life:
                self._end(session, at)

    def _end(self, session: Session, at: datetime) -> None:
        if session.ended_at is not None:
            return
        if session.forwarding is not None:
            session.forwarding.close()
        session.ended_at = at


def _port(name: str, properties: Mapping[str, str]) -> int:
    text = properties.get(name, "0")
    if not text.isdigit() or int(text) > 65535:
        raise CloudError("InvalidParameters", f"{name} is a port number, not {text!r}")
    return int(text)


def _token(session: Session) -> Mapping[str, Any]:
    host = f"ssmmessages.{session.life.region}.amazonaws.com"
    local = f"&{session.port_is}={session.local_port}" if session.local_port else ""
    return {
        "SessionId": session.session_id,
        "StreamUrl": f"wss://{host}/v1/data-channel/{session.session_id}?role=publish_subscribe{local}",
        "TokenValue": uuid4().hex,
    }


def _described(session: Session) -> Mapping[str, Any]:
    return {
        "SessionId": session.session_id,
        "Target": session.life.instance.id,
        "Status": "Terminated" if session.ended_at else "Connected",
        "StartDate": session.started_at,
        "EndDate": session.ended_at,
        "DocumentName": session.document_name,
        "Reason": session.reason,
        "Owner": f"arn:aws:iam::{session.life.account}:user/local",
    }
