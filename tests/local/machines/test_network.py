"""Connections of a machine: forwarded ports, the cloud, the metadata service."""

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from local.machines.host.sandboxed import SandboxedMachines

from .build import now, read_output, run_script, spec

LISTEN = """python3 - <<'END' >/dev/null 2>&1 &
import socket
server = socket.create_server(("127.0.0.1", 8888))
while True:
    client, _ = server.accept()
    client.sendall(b"{text}" + client.recv(100))
    client.close()
END
bash -c 'until (exec 3<>/dev/tcp/127.0.0.1/8888) 2>/dev/null; do sleep 0.01; done'"""
METADATA = """import json, urllib.request as u
at = "http://169.254.169.254/latest/"
put = u.Request(at + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"})
token = u.urlopen(put).read().decode()
answers = {}
for path in PATHS:
    answer = u.urlopen(u.Request(at + path, headers={"X-aws-ec2-metadata-token": token}))
    answers[path] = [answer.read().decode(), answer.headers["Date"]]
print(json.dumps(answers))
"""


def exchange(port: int, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(text)
        received = b""
        while chunk := connection.recv(100):
            received += chunk
        return received


def test_two_machines_may_listen_on_the_same_port(fleet: SandboxedMachines, machine: str) -> None:
    other = spec(910)
    fleet.create(other)
    fleet.boot(other.instance_id)
    read_output(fleet, machine, LISTEN.format(text="one "))
    read_output(fleet, other.instance_id, LISTEN.format(text="two "))
    ports = [fleet.forward(each, 8888, 0) for each in (machine, other.instance_id)]
    assert [exchange(port.local_port, b"ping") for port in ports] == [b"one ping", b"two ping"]
    fleet.destroy(other.instance_id)
    with pytest.raises(OSError, match="refused"):
        exchange(ports[1].local_port, b"ping")


def test_connection_without_listener_is_closed(fleet: SandboxedMachines, shared: str) -> None:
    forwarding = fleet.forward(shared, 9999, 0)
    with suppress(ConnectionError):
        assert exchange(forwarding.local_port, b"") == b""
    forwarding.close()


def test_used_port_is_rejected(fleet: SandboxedMachines, shared: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        fleet.forward(shared, 8888, taken.getsockname()[1])


SHOWN = "meta-data/managed-ssh-keys/active-keys/ubuntu"


def test_ssh_key_is_in_metadata_until_it_expires(fleet: SandboxedMachines, shared: str) -> None:
    request = ("#!/usr/bin/env python3", f"PATHS = [{SHOWN!r}]", METADATA)
    fleet.show_ssh_key(shared, "ubuntu", "ssh-ed25519 AAAA", now() + timedelta(seconds=1))
    lines = json.loads(read_output(fleet, shared, *request))[SHOWN][0].splitlines()
    assert (lines[1], lines[-1]) == (f"#Instance={shared}", "ssh-ed25519 AAAA")
    fleet.show_ssh_key(shared, "ubuntu", "ssh-ed25519 AAAA", now())
    assert "404" in run_script(fleet, shared, *request).steps[0].stderr


class _Cloud(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = b"heard " + self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def cloud() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), _Cloud) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_cloud_is_reachable_at_endpoint_of_environment(fleet: SandboxedMachines) -> None:
    call = (
        "import os, urllib.request as u; "
        "print(u.urlopen(os.environ['AWS_ENDPOINT_URL'], data=b'x' * 300000).read(9).decode())"
    )
    with cloud() as port:
        one = spec(911, environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
        fleet.create(one)
        fleet.boot(one.instance_id)
        assert read_output(fleet, one.instance_id, f'python3 -c "{call}"') == "heard xxx"
        fleet.destroy(one.instance_id)


def test_metadata_service_returns_identity_and_time(fleet: SandboxedMachines, shared: str) -> None:
    paths = [
        "meta-data/instance-id",
        "meta-data/instance-type",
        "meta-data/placement/region",
        "meta-data/placement/availability-zone",
        "meta-data/iam/security-credentials/",
        "dynamic/instance-identity/document",
    ]
    answers = json.loads(read_output(fleet, shared, "#!/usr/bin/env python3", f"PATHS = {paths!r}", METADATA))
    texts = [answers[path][0] for path in paths]
    assert texts[:4] == [shared, "g4dn.xlarge", "eu-west-1", "eu-west-1a"]
    assert json.loads(texts[5])["instanceId"] == shared
    assert {date for _, date in answers.values()} == {"Wed, 01 May 2030 12:00:00 GMT"}
    role = f"meta-data/iam/security-credentials/{texts[4]}"
    keys = json.loads(read_output(fleet, shared, "#!/usr/bin/env python3", f"PATHS = [{role!r}]", METADATA))
    assert json.loads(keys[role][0])["Expiration"] == "2030-05-01T18:00:00Z"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /latest/meta-data/instance-id", 401),
        ("PUT /latest/api/token", 400),
        ("PUT /latest/other", 404),
    ],
)
def test_metadata_service_rejects_request_without_valid_token(
    fleet: SandboxedMachines, shared: str, request_line: str, status: int
) -> None:
    method, path = request_line.split()
    program = (
        "import http.client as h; c = h.HTTPConnection('169.254.169.254'); "
        f"c.request('{method}', '{path}'); print(c.getresponse().status)"
    )
    assert read_output(fleet, shared, f'python3 -c "{program}"') == str(status)


def test_forwarding_outlives_halt(fleet: SandboxedMachines, machine: str) -> None:
    forwarding = fleet.forward(machine, 8888, 0)
    fleet.halt(machine)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(f"http://127.0.0.1:{forwarding.local_port}/", timeout=5)
    fleet.boot(machine)
    read_output(fleet, machine, LISTEN.format(text="back "))
    assert exchange(forwarding.local_port, b"x") == b"back x"
    assert run_script(fleet, machine, "true").status == "Success"
