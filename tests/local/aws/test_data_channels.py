"""Data channels of the local cloud: who may open one, when it is closed, and that its streams survive."""

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from local.aws.core.local_cloud import LocalCloud
from local.clock import ManualClock
from local.plugin import session_client
from local.plugin.credentials import NoCredentials
from local.plugin.session_client import ChannelRefused, OpenChannel, SessionClient
from local.plugin.signing import SigningKey
from local.plugin.streams import Streams
from tests.local.aws.sessions import (
    EchoMachines,
    assume_for_laptop,
    build_session_client,
    create_client,
    create_session_role,
    forge,
    start_session,
)

TIMEOUT_SECONDS = 10


@pytest.fixture
def machines() -> Iterator[EchoMachines]:
    machines = EchoMachines()
    yield machines
    machines.close()


@pytest.fixture
def instance_id(ready: Callable[[], str], clock: ManualClock) -> str:
    create_session_role()
    found = ready()
    clock.advance(timedelta(seconds=5))
    return found


class Laptop:
    """The plugin's end of a session with one connection through it."""

    def __init__(self, client: SessionClient) -> None:
        self.client = client
        self.ended: list[bytes] = []
        self.streams = Streams(None, lambda _, payload: self.ended.append(payload))
        self.near, far = socket.socketpair()
        self.near.settimeout(TIMEOUT_SECONDS)
        self.streams.add(1, far)

    def open(self) -> threading.Thread:
        """Open the data channel, and serve it in a thread that ends with the channel."""
        channel: OpenChannel = self.client.open_channel(self.streams.received)
        thread = threading.Thread(target=self._serve, args=(channel,), daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        self.near.close()
        self.streams.close()

    def _serve(self, channel: OpenChannel) -> None:
        with channel.connection:
            self.streams.serve(channel.connection, channel.received)

    def say(self, text: bytes) -> bytes:
        """Send a text through the session, and return the answer of the instance."""
        self.near.sendall(text)
        return self.near.recv(100)


def test_port_on_the_laptop_is_left_to_the_plugin(machines: EchoMachines, instance_id: str) -> None:
    started = start_session(instance_id)
    assert machines.forwarded == []
    channel = build_session_client(started, assume_for_laptop(started["SessionId"])).open_channel(0)
    channel.connection.close()
    assert channel.session_type == "Port"
    assert channel.properties == {"portNumber": "8888", "type": "LocalPortForwarding", "localPortNumber": "8889"}


def raise_no_credentials() -> SigningKey:
    raise NoCredentials("none")


def test_channel_opens_only_for_the_signed_request_of_its_session(instance_id: str, clock: ManualClock) -> None:
    first, second = start_session(instance_id), start_session(instance_id)
    key = assume_for_laptop(first["SessionId"])
    unsigned = build_session_client(first, key)
    unsigned.load_key = raise_no_credentials
    wrong_token = build_session_client({**first, "TokenValue": second["TokenValue"]}, key)
    for client, problem in [
        (unsigned, "MissingAuthenticationToken"),
        (build_session_client(first, forge(key)), "InvalidSignatureException"),
        (build_session_client(second, key), "AccessDeniedException"),
        (wrong_token, "token of the session is not valid"),
    ]:
        with pytest.raises(ChannelRefused, match=problem):
            client.open_channel(0)
    build_session_client(first, key).open_channel(0).connection.close()
    with pytest.raises(ChannelRefused, match="token of the session is not valid"):
        build_session_client(first, key).open_channel(0)
    clock.advance(timedelta(hours=1))
    with pytest.raises(ChannelRefused, match="ExpiredTokenException"):
        build_session_client(first, key).open_channel(0)


@pytest.mark.parametrize("kind", ["hang", "drop_response"])
def test_request_for_a_channel_can_stay_without_an_answer(
    cloud: LocalCloud, instance_id: str, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A lost answer has taken the token, so only ResumeSession helps; a request that hangs has no effect."""
    monkeypatch.setattr(session_client, "CONNECT_SECONDS", 0.2)
    started = start_session(instance_id)
    key = assume_for_laptop(started["SessionId"])
    client = build_session_client(started, key)
    inject = {"hang": cloud.faults.inject_hang, "drop_response": cloud.faults.drop_response}[kind]
    inject("OpenDataChannel")
    with pytest.raises((TimeoutError, ChannelRefused)) as refused:
        client.open_channel(0)
    assert isinstance(refused.value, TimeoutError) == (kind == "hang")
    if kind == "drop_response":
        with pytest.raises(ChannelRefused, match="token of the session is not valid"):
            client.open_channel(0)
        client.token = create_client("ssm", key).resume_session(SessionId=started["SessionId"])["TokenValue"]
    client.open_channel(0).connection.close()


def test_connection_survives_channels_that_are_closed(
    cloud: LocalCloud, machines: EchoMachines, instance_id: str, clock: ManualClock
) -> None:
    started = start_session(instance_id)
    laptop = Laptop(build_session_client(started, assume_for_laptop(started["SessionId"])))
    thread = laptop.open()
    assert laptop.say(b"one") == b"one"
    assert cloud.sessions.close_channels() == 1
    thread.join(TIMEOUT_SECONDS)
    laptop.near.sendall(b"sent while the channel was closed")
    key = assume_for_laptop(started["SessionId"])
    laptop.client.load_key = lambda: key
    laptop.client.token = create_client("ssm", key).resume_session(SessionId=started["SessionId"])["TokenValue"]
    thread = laptop.open()
    assert laptop.near.recv(100) == b"sent while the channel was closed"
    clock.advance(timedelta(minutes=59))
    cloud.tick()
    assert laptop.say(b"two") == b"two"
    clock.advance(timedelta(minutes=1))
    cloud.tick()
    thread.join(TIMEOUT_SECONDS)
    assert not thread.is_alive()
    laptop.close()
    assert machines.forwarded == [8888]


def test_terminated_session_tells_the_plugin(instance_id: str) -> None:
    started = start_session(instance_id)
    key = assume_for_laptop(started["SessionId"])
    laptop = Laptop(build_session_client(started, key))
    thread = laptop.open()
    assert laptop.say(b"one") == b"one"
    create_client("ssm", key).terminate_session(SessionId=started["SessionId"])
    thread.join(TIMEOUT_SECONDS)
    assert laptop.ended[0] == b"The session was terminated."
    laptop.close()
