"""HTTPS servers of publishers, on a loopback address, for programs that trust the certificate authority of the test."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ADDRESS = "127.0.0.2"
Content = Callable[[str], bytes | None]


class Publishers:
    """Serves the URLs of several hosts while the context is entered.

    :ivar authority: PEM certificate of the authority that a client must trust
    :ivar requests: every requested URL, in order
    """

    def __init__(self, folder: Path, hosts: tuple[str, ...], content: Content) -> None:
        self.requests: list[str] = []
        self.authority, chain, key = _certificates(hosts)
        for name, text in (("chain.pem", chain), ("key.pem", key)):
            (folder / name).write_bytes(text)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "chain.pem", folder / "key.pem")
        self._server = ThreadingHTTPServer((ADDRESS, 443), _handler(content, self.requests))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, name="publishers")

    def __enter__(self) -> Publishers:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(content: Content, requests: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"https://{self.headers['Host']}{self.path}"
            requests.append(url)
            body = content(url)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Log nothing: `requests` has the URL."""

    return Handler


def _certificates(hosts: tuple[str, ...]) -> tuple[bytes, bytes, bytes]:
    """Return a new authority, a certificate for all hosts signed by that authority, and the key of the certificate."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gpudesk test authority")])
    now = datetime.now(UTC)

    def start_certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(public)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))

    authority = start_certificate(name, authority_key.public_key())
    authority = authority.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    host = start_certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])]), key.public_key())
    host = host.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), critical=False)
    plain = serialization.NoEncryption()
    return (
        authority.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        host.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
    )
