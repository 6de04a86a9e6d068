"""One session of Session Manager, and the instance's end of it."""

import contextlib
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.aws.ec2.tracked_instance import TrackedInstance
from local.machines.host.interface import Forwarding, Invocation, Machines
from local.plugin.streams import SERVICE_STREAM, Streams

OUTPUT_STREAM = 1
FORWARDING_TYPE = "LocalPortForwarding"
LOOPBACK = "127.0.0.1"
PROBE_SECONDS = 2
"""Time in which an SSH server sends its first bytes."""
NO_SHELL = (
    "The local cloud has no shells. Run a command on {instance_id} as root with:\r\n"
    "  aws ssm send-command --instance-ids {instance_id} --document-name AWS-RunShellScript "
    "--parameters commands='nvidia-smi'\r\n"
)


@dataclass
class Session:
    """One started session.

    :param owner: ARN of the caller who started it
    :param user_id: `aws:userid` of the assumed role that started it; empty: another caller
    :param content: Session document with its parameters filled in
    :param token: token that opens the next data channel; empty: ResumeSession must return one first
    :param is_served: the agent opens its end; otherwise the plugin waits for it until it gives up
    :param channel_opened_at: None without an open data channel
    :param channel_count: number of data channels so far
    """

    session_id: str
    tracked: TrackedInstance
    document_name: str
    content: Mapping[str, Any]
    reason: str
    owner: str
    user_id: str
    started_at: datetime
    token: str = field(repr=False, default="")
    is_served: bool = True
    ended_at: datetime | None = None
    channel_opened_at: datetime | None = None
    channel_count: int = 0
    streams: Streams | None = None
    forwarding: Forwarding | None = None

    @property
    def session_type(self) -> str:
        """Return the type in the Session document."""
        return str(self.content["sessionType"])

    @property
    def properties(self) -> Mapping[str, str]:
        """Return the properties that the agent sends to the plugin."""
        return self.content["properties"] if self.session_type == "Port" else {}

    @property
    def is_complete(self) -> bool:
        """Return whether the instance has sent everything: its command or its sshd has ended."""
        is_forwarded = self.properties.get("type") == FORWARDING_TYPE
        return self.streams is not None and not is_forwarded and OUTPUT_STREAM in self.streams.finished

    def require_streams(self, machines: Machines) -> Streams:
        """Return the instance's end of the session. The first call starts it."""
        if self.streams is None:
            end = InstanceEnd(self, machines)
            self.streams = Streams(end.connect if self.session_type == "Port" else None, lambda *_: None)
            if self.session_type != "Port":
                threading.Thread(target=end.run_command, args=(self.streams,), daemon=True).start()
            elif self.properties.get("type") != FORWARDING_TYPE:
                threading.Thread(target=end.explain_closed_port, args=(self.streams,), daemon=True).start()
        return self.streams

    def end(self, at: datetime, message: str = "") -> None:
        """End the session.

        :param message: what the service tells the plugin; empty: the plugin only loses its data channel
        """
        if self.ended_at is not None:
            return
        self.ended_at = at
        self.token = ""
        if self.streams is not None:
            if message:
                self.streams.send(SERVICE_STREAM, message.encode())
            self.streams.close()
        if self.forwarding is not None:
            self.forwarding.close()
            self.forwarding = None

    def close_channel(self) -> None:
        """Close the data channel, as the service does after an hour. The plugin can resume the session."""
        self.channel_opened_at = None
        if self.streams is not None:
            self.streams.drop_channel()

    def describe(self) -> Mapping[str, Any]:
        """Return the session as DescribeSessions lists it."""
        return {
            "SessionId": self.session_id,
            "Target": self.tracked.instance.id,
            "Status": "Terminated" if self.ended_at else "Connected",
            "StartDate": self.started_at,
            "EndDate": self.ended_at,
            "DocumentName": self.document_name,
            "Reason": self.reason,
            "Owner": self.owner,
        }


@dataclass(frozen=True)
class InstanceEnd:
    """The end of a session on the instance: the agent connects to a port, or runs a command and sends its output."""

    session: Session
    machines: Machines

    def connect(self) -> socket.socket:
        """Connect to the port of the instance that the session leads to.

        :raises OSError: the port does not answer
        """
        session = self.session
        if session.forwarding is None:
            port = int(session.properties["portNumber"])
            session.forwarding = self.machines.forward(session.tracked.instance.id, port, 0)
        return socket.create_connection((LOOPBACK, session.forwarding.local_port))

    def explain_closed_port(self, streams: Streams) -> None:
        """Tell the plugin if no program listens on the port, as on a simulated machine: it says nothing by itself."""
        instance_id, port = self.session.tracked.instance.id, self.session.properties["portNumber"]
        try:
            with self.connect() as connection:
                connection.settimeout(PROBE_SECONDS)
                is_closed = not connection.recv(1)
        except TimeoutError:
            return
        except (OSError, RuntimeError, KeyError):
            is_closed = True
        if is_closed:
            why = "." if self.machines.is_real else ": it is simulated and runs no program."
            with contextlib.suppress(OSError):
                streams.send(SERVICE_STREAM, f"No program listens on port {port} of {instance_id}{why}".encode())

    def run_command(self, streams: Streams) -> None:
        """Run the command of the session, send its output, and end the stream."""
        instance_id = self.session.tracked.instance.id
        commands = self.session.content.get("properties", {}).get("linux", {}).get("commands", "")
        text = self._run(instance_id, commands) if commands else NO_SHELL.format(instance_id=instance_id)
        with contextlib.suppress(OSError):
            streams.send(OUTPUT_STREAM, text.encode())
            streams.finish(OUTPUT_STREAM)

    def _run(self, instance_id: str, commands: str) -> str:
        step = {"action": "aws:runShellScript", "name": "session", "inputs": {"runCommand": [commands]}}
        document = {"schemaVersion": "2.2", "mainSteps": [step]}
        invocation = Invocation(self.session.session_id, self.session.document_name, document, {})
        try:
            (result,) = self.machines.run(instance_id, invocation).steps
        except (OSError, RuntimeError, KeyError) as error:
            return f"The command did not run: {error}\r\n"
        text = f"{result.stdout}{result.stderr}".replace("\n", "\r\n")
        if not text and not self.machines.is_real:
            return f"{instance_id} is simulated, so its commands print nothing.\r\n"
        return text
