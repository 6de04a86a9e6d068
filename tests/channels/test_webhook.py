"""Webhooks over real HTTP and TLS: signatures, failed deliveries, refused addresses."""

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
from standardwebhooks import Webhook, WebhookVerificationError

from chalicelib.channels.webhook import WebhookSender, derive_secret
from chalicelib.domain.common.errors import DeliveryFailed

SECRET = derive_secret(b"k" * 32, "owner/ada", 1)
BODY = json.dumps({"type": "idle_warning"}).encode()
HOST = "hooks.example.org"


@dataclass
class Receiver:
    """HTTP server on loopback that records messages."""

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
                """Log nothing."""

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        self.port = http.server_address[1]
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        return http


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    http = receiver.start()
    yield receiver
    http.shutdown()
    http.server_close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A self-signed certificate for HOST, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    signed = (
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
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return chain, private


@pytest.fixture
def tls_receiver(certificate: tuple[Path, Path]) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    receiver = Receiver()
    http = receiver.start(context)
    yield receiver
    http.shutdown()
    http.server_close()


LOCAL = WebhookSender(allow_private=True)


def test_signature_is_verified_by_the_standard_webhooks_library(receiver: Receiver) -> None:
    LOCAL.post(f"http://127.0.0.1:{receiver.port}/hook?team=vision", SECRET, "msg-1", BODY)
    assert receiver.paths == ["/hook?team=vision"]
    assert Webhook(SECRET).verify(receiver.bodies[0], receiver.heads[0]) == {"type": "idle_warning"}
    assert receiver.heads[0]["webhook-id"] == "msg-1"
    with pytest.raises(WebhookVerificationError):
        Webhook(derive_secret(b"k" * 32, "owner/ada", 2)).verify(receiver.bodies[0], receiver.heads[0])


def test_changed_or_old_message_fails_verification(receiver: Receiver) -> None:
    LOCAL.post(f"http://127.0.0.1:{receiver.port}/", SECRET, "msg-1", BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(receiver.bodies[0] + b" ", receiver.heads[0])
    replace(LOCAL, wall_clock=lambda: 1000.0).post(f"http://127.0.0.1:{receiver.port}/", SECRET, "msg-1", BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(receiver.bodies[1], receiver.heads[1])


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 410, 429, 500, 503])
def test_status_other_than_success_is_a_failed_delivery_and_redirects_are_not_followed(
    receiver: Receiver, status: int
) -> None:
    receiver.status = status
    with pytest.raises(DeliveryFailed, match=str(status)):
        LOCAL.post(f"http://127.0.0.1:{receiver.port}/", SECRET, "msg-1", BODY)
    assert len(receiver.paths) == 1


def test_unreachable_receiver_is_a_failed_delivery() -> None:
    with pytest.raises(DeliveryFailed):
        LOCAL.post("http://127.0.0.1:1/", SECRET, "msg-1", BODY)


def test_tls_verifies_the_host_name_after_the_address_lookup(
    tls_receiver: Receiver, certificate: tuple[Path, Path]
) -> None:
    sender = WebhookSender(allow_private=True, resolve=lambda host, port: "127.0.0.1", ca_certs=str(certificate[0]))
    sender.post(f"https://{HOST}:{tls_receiver.port}/hook", SECRET, "msg-1", BODY)
    assert tls_receiver.heads[0]["host"] == f"{HOST}:{tls_receiver.port}"
    with pytest.raises(DeliveryFailed, match=r"SSL|ertificate|mismatch"):
        sender.post(f"https://other.example.org:{tls_receiver.port}/hook", SECRET, "msg-1", BODY)


def test_self_signed_certificate_is_not_trusted(tls_receiver: Receiver) -> None:
    sender = WebhookSender(allow_private=True, resolve=lambda host, port: "127.0.0.1")
    with pytest.raises(DeliveryFailed):
        sender.post(f"https://{HOST}:{tls_receiver.port}/hook", SECRET, "msg-1", BODY)
    assert tls_receiver.bodies == []


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
    sender = WebhookSender(resolve=lambda host, port: address)
    with pytest.raises(DeliveryFailed, match="public"):
        sender.post("https://hooks.example.org/", SECRET, "msg-1", BODY)


def test_plain_http_is_refused_on_aws() -> None:
    with pytest.raises(DeliveryFailed, match="https"):
        WebhookSender().post("http://hooks.example.org/", SECRET, "msg-1", BODY)


def test_secret_differs_by_owner_and_key_number() -> None:
    secrets = {
        derive_secret(b"k" * 32, name, number) for name in ("owner/ada", "owner/bob", "desk") for number in (1, 2)
    }
    assert len(secrets) == 6
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets)


def start_receiver(chunks: Iterator[bytes]) -> socket.socket:
    """Start a receiver that sends the chunks until the sender closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        caller, _ = listener.accept()
        with caller, contextlib.suppress(OSError):
            for chunk in chunks:
                caller.sendall(chunk)

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_slow_response_ends_at_the_total_timeout() -> None:
    is_done = threading.Event()

    def send_slowly() -> Iterator[bytes]:
        while not is_done.wait(0.05):
            yield b"H"

    sender = WebhookSender(allow_private=True, total_timeout_seconds=0.3)
    with start_receiver(send_slowly()) as listener, pytest.raises(DeliveryFailed, match=r"no response within 0\.3 s"):
        sender.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", SECRET, "msg-1", BODY)
    is_done.set()


def test_endless_response_body_is_not_read() -> None:
    endless = itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 65_536))
    with start_receiver(endless) as listener:
        detail = LOCAL.post(f"http://127.0.0.1:{listener.getsockname()[1]}/", SECRET, "msg-1", BODY)
    assert detail == "The receiver responded with status 200."
