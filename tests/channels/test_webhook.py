"""Signed webhooks over real HTTP and real TLS: what receivers can check, and where the desk does not go."""

import base64
import contextlib
import datetime as dt
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from chalicelib.channels.webhook import WebhookSender, derive_secret
from chalicelib.domain.common.errors import DeliveryFailed

SECRET = derive_secret(b"k" * 32, "owner/ada", 1)
BODY = json.dumps({"type": "idle_warning"}).encode()
HOST = "hooks.example.org"


@dataclass
class Server:
    """A receiver of messages on loopback."""

    port: int = 0
    status: int = 204
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def start(self, context: ssl.SSLContext | None = None) -> ThreadingHTTPServer:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                server.heads.append({name.lower(): value for name, value in self.headers.items()})
                server.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                server.paths.append(self.path)
                self.send_response(server.status)
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        self.port = http.server_address[1]
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        return http


@pytest.fixture
def plain() -> Iterator[Server]:
    server = Server()
    http = server.start()
    yield server
    http.shutdown()
    http.server_close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Of HOST, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server = Server()
    http = server.start(context)
    yield server
    http.shutdown()
    http.server_close()


LOCAL = WebhookSender(allow_private=True)


def test_signature_is_verified_by_the_standard_webhooks_library(plain: Server) -> None:
    LOCAL.post(f"http://127.0.0.1:{plain.port}/hook?team=vision", SECRET, "msg-1", BODY)
    assert plain.paths == ["/hook?team=vision"]
    assert Receiver(SECRET).verify(plain.bodies[0], plain.heads[0]) == {"type": "idle_warning"}
    assert plain.heads[0]["webhook-id"] == "msg-1"
    with pytest.raises(WebhookVerificationError):
        Receiver(derive_secret(b"k" * 32, "owner/ada", 2)).verify(plain.bodies[0], plain.heads[0])


def test_changed_or_old_message_fails_verification(plain: Server) -> None:
    LOCAL.post(f"http://127.0.0.1:{plain.port}/", SECRET, "msg-1", BODY)
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET).verify(plain.bodies[0] + b" ", plain.heads[0])
    replace(LOCAL, wall_clock=lambda: 1000.0).post(f"http://127.0.0.1:{plain.port}/", SECRET, "msg-1", BODY)
    with pytest.raises(WebhookVerificationError):
        Receiver(SECRET).verify(plain.bodies[1], plain.heads[1])


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 410, 429, 500, 503])
def test_status_other_than_success_is_a_failed_delivery_and_redirects_are_not_followed(
    plain: Server, status: int
) -> None:
    plain.status = status
    with pytest.raises(DeliveryFailed, match=str(status)):
        LOCAL.post(f"http://127.0.0.1:{plain.port}/", SECRET, "msg-1", BODY)
    assert len(plain.paths) == 1


def test_unreachable_receiver_is_a_failed_delivery() -> None:
    with pytest.raises(DeliveryFailed):
        LOCAL.post("http://127.0.0.1:1/", SECRET, "msg-1", BODY)


def test_tls_verifies_the_host_name_after_the_address_lookup(secure: Server, certificate: tuple[Path, Path]) -> None:
    hook = WebhookSender(allow_private=True, resolve=lambda host, port: "127.0.0.1", ca_certs=str(certificate[0]))
    hook.post(f"https://{HOST}:{secure.port}/hook", SECRET, "msg-1", BODY)
    assert secure.heads[0]["host"] == f"{HOST}:{secure.port}"
    with pytest.raises(DeliveryFailed, match=r"SSL|ertificate|mismatch"):
        hook.post(f"https://other.example.org:{secure.port}/hook", SECRET, "msg-1", BODY)


def test_self_signed_certificate_is_not_trusted(secure: Server) -> None:
    hook = WebhookSender(allow_private=True, resolve=lambda host, port: "127.0.0.1")
    with pytest.raises(DeliveryFailed):
        hook.post(f"https://{HOST}:{secure.port}/hook", SECRET, "msg-1", BODY)
    assert secure.bodies == []


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "169.254.169.254", "169.254.170.2", "10.0.0.1", "192.168.1.1", "0.0.0.0", "192.0.0.192"),
        *(
            "::1",
            "fd00::1",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::ffff:169.254.169.254",
            "224.0.0.1",
            "ff0e::1",
        ),
    ],
)
def test_private_address_is_refused_on_aws(address: str) -> None:
    hook = WebhookSender(resolve=lambda host, port: address)
    with pytest.raises(DeliveryFailed, match="public"):
        hook.post("https://hooks.example.org/", SECRET, "msg-1", BODY)


def test_plain_http_is_refused_on_aws() -> None:
    with pytest.raises(DeliveryFailed, match="https"):
        WebhookSender().post("http://hooks.example.org/", SECRET, "msg-1", BODY)


def test_secret_differs_by_owner_and_key_number() -> None:
    made = {derive_secret(b"k" * 32, name, number) for name in ("owner/ada", "owner/bob", "desk") for number in (1, 2)}
    assert len(made) == 6
    assert all(len(base64.b64decode(each.removeprefix("whsec_"))) == 32 for each in made)


def answering(chunks: Iterator[bytes]) -> socket.socket:
    """A receiver that answers with these and goes on for as long as it is listened to."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = listener.accept()
        with caller, contextlib.suppress(OSError):
            for chunk in chunks:
                caller.sendall(chunk)

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_slow_response_ends_at_the_total_timeout() -> None:
    dripping = threading.Event()

    def drips() -> Iterator[bytes]:
        while not dripping.wait(0.05):
            yield b"H"

    hook = WebhookSender(allow_private=True, total_timeout_seconds=0.3)
    with answering(drips()) as listener, pytest.raises(DeliveryFailed, match=r"no response within 0\.3 s"):
        hook.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", SECRET, "msg-1", BODY)
    dripping.set()


def test_endless_response_body_is_not_read() -> None:
    endless = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 65_536))
    with answering(endless) as listener:
        said = LOCAL.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", SECRET, "msg-1", BODY)
    assert said == "The receiver responded with status 200."
