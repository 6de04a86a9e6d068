"""Malformed HTTP is answered with a problem, and a kept connection continues with the next request."""

import gzip
import http.client
import json
import logging
import re
import socket
import threading
from dataclasses import replace
from datetime import datetime

import pytest
from chalice.app import Request

import app as application
from chalicelib import bootstrap
from chalicelib.api.validation import MAX_BODY_BYTES
from chalicelib.domain.access.token_holder import TokenHolder
from chalicelib.store.tokens import TokenRepository
from local.server.api_server import ApiServer
from tests.api.client import Bench
from tests.api.test_behind_api_gateway import REQUEST


@pytest.mark.parametrize("path", ["/", "/nope", "/instances/a/b/c", "/Instances", "/instances/x/fly", "*", "//[x"])
def test_unknown_path_is_not_found(bench: Bench, path: str) -> None:
    for client in (bench.ada, bench.create_client()):
        answer = client("GET", path)
        assert (answer.status, answer.json["code"]) == (404, "route_not_found")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["PUT", "TRACE", "OPTIONS", "CONNECT", "PROPFIND", "get", "X-Y"])
def test_method_not_allowed_is_answered_with_the_allowed_methods(bench: Bench, method: str) -> None:
    answer = bench.ada(method, "/instances")
    assert (answer.status, answer.json["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert answer.headers["content-type"] == "application/problem+json"
    assert bench.ada("GET", "/me").status == 200


@pytest.mark.parametrize("path", ["/me", "/instances", "/desk", "/healthz", "/openapi.json", "/costs"])
def test_head_has_the_headers_of_get_and_no_body(bench: Bench, path: str) -> None:
    get, head = bench.ada("GET", path), bench.ada("HEAD", path)
    assert (head.status, head.content) == (200, b"")
    ignored = {"date", "x-request-id"}
    for name in {*get.headers, *head.headers} - ignored:
        assert head.headers[name] == get.headers[name]


def test_every_answer_has_an_id_of_its_own(bench: Bench) -> None:
    answers = [
        bench.ada("GET", "/me"),
        bench.ada("GET", "/nope"),
        bench.ada("PUT", "/me"),
        bench.ada("GET", "/instances/nope"),
        bench.create_client()("GET", "/me"),
        bench.ada("POST", "/instances", {"gpu": "T4"}),
    ]
    assert [answer.status for answer in answers] == [200, 404, 405, 404, 401, 202]
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


def test_accepted_request_says_when_to_poll(bench: Bench) -> None:
    assert bench.ada("POST", "/instances", {"gpu": "T4"}).headers["retry-after"] == "5"


@pytest.mark.parametrize("header", ["If-Match", "If-Unmodified-Since", "If-None-Match"])
def test_precondition_of_write_is_refused(bench: Bench, header: str) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4"}, headers={header: '"1"'})
    assert (answer.status, answer.json["code"]) == (412, "precondition_failed")
    assert answer.json["detail"].startswith(f"{header} is not supported")
    assert bench.ada("GET", "/instances").json["items"] == []


def test_condition_that_only_saves_a_transfer_is_ignored(bench: Bench) -> None:
    assert bench.ada("GET", "/me", headers={"If-None-Match": '"1"'}).status == 200


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("gzip", "gzip"), ("br, *;q=0.1", "gzip"), ("gzip;q=0", None), ("identity", None)]
)
def test_long_answer_is_compressed_on_request(bench: Bench, accepted: str, encoding: str | None) -> None:
    answer = bench.ada("GET", "/openapi.json", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    content = gzip.decompress(answer.content) if encoding else answer.content
    assert json.loads(content) == bench.ada("GET", "/openapi.json").json
    assert "content-encoding" not in bench.ada("GET", "/me", headers={"Accept-Encoding": accepted}).headers


def test_head_response_has_no_body_and_keeps_the_connection(bench: Bench) -> None:
    answers = bench.send_bytes(
        build_head("HEAD /instances/x/stop HTTP/1.1") + build_head("GET /healthz HTTP/1.1", "Connection: close")
    )
    first, second, _ = answers.split(b"\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 405 ")
    assert re.search(rb"Content-Length: [1-9]", first)
    assert second.startswith(b"HTTP/1.1 200 ")


def test_unexpected_exception_is_a_problem_without_internals(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(TokenRepository):
        def find_holder(self, token: str, now: datetime) -> TokenHolder | None:
            raise ZeroDivisionError("internal detail")

    bootstrap.set_application(replace(bench.world.application, tokens=Broken()))
    with caplog.at_level(logging.ERROR):
        answer = bench.ada("GET", "/me")
    assert (answer.status, answer.json["code"]) == (500, "internal_server_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Its log has the details under request" in answer.json["detail"]
    assert "internal detail" not in answer.content.decode()
    assert "internal detail" in caplog.text


def build_head(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "")).encode("latin-1")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /me HTTP/9.9\r\n\r\n", 505),
        (b"GET /me SMTP/1.0\r\n\r\n", 400),
        (b"GET /me\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400),
        (b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", 414),
        (build_head("GET /me HTTP/1.1", "X: " + "y" * 70000), 431),
        (build_head("GET /me HTTP/1.1", *(f"X-{n}: y" for n in range(200))), 431),
        (build_head("POST /instances HTTP/1.1", "Content-Length: -1") + b"{}", 400),
        (build_head("POST /instances HTTP/1.1", "Content-Length: two") + b"{}", 400),
        (build_head("POST /instances HTTP/1.1", "Content-Length: 2", "Content-Length: 3") + b"{}", 400),
        (build_head("POST /instances HTTP/1.1", "Content-Length: 99") + b"{}", 400),
        (build_head("POST /instances HTTP/1.1", "Content-Length: 99999999999999") + b"{}", 413),
        (
            build_head("POST /instances HTTP/1.1", f"Content-Length: {MAX_BODY_BYTES + 1}")
            + b" " * (MAX_BODY_BYTES + 1),
            413,
        ),
        (build_head("POST /instances HTTP/1.1", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n", 411),
        (build_head("GET /me HTTP/1.1", "Authorization: Bearer a", "Authorization: Bearer b"), 400),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_malformed_http_is_answered_with_a_problem_and_closes_the_connection(
    bench: Bench, sent: bytes, status: int
) -> None:
    answer = bench.send_bytes(sent)
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/problem+json" in top
    assert b"Connection: close" in top
    assert f'"status":{status}'.encode() in body


def test_too_large_body_has_the_code_of_the_contract(bench: Bench) -> None:
    answer = bench.create_client(bench.tokens["ada"])("POST", "/instances", raw=b" " * (MAX_BODY_BYTES + 1))
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")
    assert answer.json["detail"] == f"The body has {MAX_BODY_BYTES + 1} bytes. The maximum is {MAX_BODY_BYTES}."


def test_too_large_body_is_rejected_before_it_is_sent(bench: Bench) -> None:
    with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as connection:
        connection.sendall(build_head("POST /instances HTTP/1.1", "Content-Length: 1000000", "Expect: 100-continue"))
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_client_that_sends_too_large_a_body_can_read_the_problem(bench: Bench) -> None:
    length = 3 * 1024 * 1024
    answer = bench.send_bytes(build_head("POST /instances HTTP/1.1", f"Content-Length: {length}") + b" " * length)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_expected_body_is_requested_with_100_continue(bench: Bench) -> None:
    with socket.create_connection(("127.0.0.1", bench.port), timeout=10) as connection:
        connection.sendall(build_head("POST /instances HTTP/1.1", "Content-Length: 2", "Expect: 100-continue"))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_pipelined_requests_are_each_answered(bench: Bench) -> None:
    token = f"Authorization: Bearer {bench.tokens['ada']}"
    refused = build_head("POST /instances HTTP/1.1", token, "Content-Length: 7") + b"{broken"
    fine = build_head("GET /me HTTP/1.1", token)
    last = build_head("GET /me HTTP/1.1", token, "Connection: close")
    answers = bench.send_bytes(refused + fine + build_head("GET /nope HTTP/1.1") + fine + last)
    assert re.findall(rb"HTTP/1.1 (\d+) ", answers) == [b"400", b"200", b"404", b"200", b"200"]


def test_http_1_0_client_can_keep_its_connection(bench: Bench) -> None:
    assert b"Connection: keep-alive" in bench.send_bytes(build_head("GET /healthz HTTP/1.0", "Connection: keep-alive"))
    assert b"Connection: close" in bench.send_bytes(build_head("GET /healthz HTTP/1.0"))


def test_concurrent_requests_get_their_own_answers(bench: Bench) -> None:
    names = list(bench.tokens) * 16
    found: list[tuple[str, str]] = []
    start = threading.Barrier(len(names))

    def send_request(name: str) -> None:
        client = bench.create_client(bench.tokens[name])
        start.wait()
        found.append((name, client("GET", "/me").json["owner"]))

    threads = [threading.Thread(target=send_request, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted((name, name) for name in names)


def test_each_thread_has_its_own_current_request(server: ApiServer) -> None:
    event = json.loads(REQUEST.read_text())
    mine, yours = Request(event), Request(event)
    application.app.current_request = mine
    other = threading.Thread(target=setattr, args=(application.app, "current_request", yours))
    other.start()
    other.join()
    assert application.app.current_request is mine


def test_server_on_a_port_in_use_fails_at_once(server: ApiServer, bench: Bench) -> None:
    with pytest.raises(OSError, match="in use"):
        ApiServer(application.app, server.port)


def test_stopped_server_closes_its_connections(bench: Bench) -> None:
    server = ApiServer(application.app)
    server.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read()
    assert connection.sock is not None
    server.stop()
    assert connection.sock.recv(1) == b""
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=1)
