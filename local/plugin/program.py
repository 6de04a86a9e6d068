"""The program session-manager-plugin of the local cloud, with the arguments and habits of the real one.

https://github.com/aws/session-manager-plugin

It opens the port of the laptop itself, signs every call with the credentials of the profile, and resumes the session
when its data channel is lost. If that fails it neither ends nor says anything, as the real one.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time

from local.plugin.credentials import NoCredentials, load_credentials
from local.plugin.session_client import ChannelRefused, OpenChannel, SessionClient
from local.plugin.streams import SERVICE_STREAM, Streams

VERSION = "1.2.764.0"
VARIABLE_PREFIX = "AWS_SSM_START_SESSION_RESPONSE"
TRY_DELAYS = (0.1, 0.2, 0.4, 0.8, 1.6)
FIRST_STREAM = 1


def main(arguments: list[str]) -> int:
    """Run the plugin, and return its exit status.

    :param arguments: response of StartSession or the variable that has it, region, operation, profile, parameters of
        the call, endpoint of SSM
    """
    if not arguments:
        return 0
    if arguments == ["--version"]:
        print(VERSION)
        return 0
    response = os.environ.pop(arguments[0], "") if arguments[0].startswith(VARIABLE_PREFIX) else arguments[0]
    region, _, profile, _, endpoint = arguments[1:6]
    fields = json.loads(response)
    print(f"\nStarting session with SessionId: {fields['SessionId']}", flush=True)
    client = SessionClient(
        fields["SessionId"],
        fields["StreamUrl"],
        fields["TokenValue"],
        region,
        endpoint,
        lambda: load_credentials(profile),
    )
    return Plugin(client).run()


class Plugin:
    """One run of the plugin."""

    def __init__(self, client: SessionClient) -> None:
        """Start without a data channel."""
        self._client = client
        self._streams = Streams(None, self._on_end)
        self._is_port = False

    def run(self) -> int:
        """Open the session and serve it until it ends. SIGINT ends the session."""
        # A shell starts a program in the background with SIGINT ignored. The real plugin handles it nevertheless.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            channel = self._open_with_retries(is_resumed=False)
            self._is_port = channel.properties.get("type") == "LocalPortForwarding"
            if not self._is_port:
                self._join_standard_streams()
            elif not self._listen(channel.properties["localPortNumber"]):
                return 0
            while True:
                with channel.connection:
                    self._streams.serve(channel.connection, channel.received)
                channel = self._open_with_retries(is_resumed=True)
        except KeyboardInterrupt:
            # Ctrl-C reaches the plugin twice: from the terminal, and from gpudesk-session.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            with contextlib.suppress(OSError, NoCredentials):
                self._client.terminate()
            return 0

    def _open_with_retries(self, *, is_resumed: bool) -> OpenChannel:
        """Open the data channel. If no try succeeds, wait for a signal, as the real plugin does."""
        for delay in (0.0, *TRY_DELAYS):
            time.sleep(delay)
            with contextlib.suppress(OSError, NoCredentials, ChannelRefused):
                if is_resumed:
                    self._client.resume()
                return self._client.open_channel(self._streams.received)
        while True:
            signal.pause()

    def _listen(self, port: str) -> bool:
        """Open the port of the laptop. Return whether it was possible."""
        try:
            listener = socket.create_server(("127.0.0.1", int(port)))
        except OSError as error:
            problem = os.strerror(error.errno or 0).lower()
            print(f"Cannot perform start session: listen tcp 127.0.0.1:{port}: bind: {problem}", flush=True)
            return False
        print(f"Port {listener.getsockname()[1]} opened for sessionId {self._client.session_id}.")
        print("Waiting for connections...", flush=True)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return True

    def _accept(self, listener: socket.socket) -> None:
        stream = FIRST_STREAM
        while True:
            connection, _ = listener.accept()
            self._streams.add(stream, connection)
            stream += 1

    def _join_standard_streams(self) -> None:
        near, far = socket.socketpair()
        self._streams.add(FIRST_STREAM, far)
        threading.Thread(target=_copy_input, args=(near,), daemon=True).start()
        self._output = threading.Thread(target=_copy_output, args=(near,), daemon=True)
        self._output.start()

    def _on_end(self, stream: int, payload: bytes) -> None:
        """End the program when the service ends the session, or the instance ends its only stream."""
        if stream == SERVICE_STREAM:
            print(f"\n\nSessionId: {self._client.session_id} : {payload.decode()}\n", file=sys.stderr, flush=True)
        elif self._is_port:
            return
        else:
            self._output.join(5)
        os._exit(0)


def _copy_input(near: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := os.read(0, 32_768):
            near.sendall(chunk)
        near.shutdown(socket.SHUT_WR)


def _copy_output(near: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := near.recv(32_768):
            os.write(1, chunk)
