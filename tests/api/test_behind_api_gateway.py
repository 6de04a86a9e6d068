"""The Lambda function as API Gateway calls it, without the local server."""

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

import app as application
from chalicelib.api.validation import MAX_BODY_BYTES
from tests.api.client import Bench

REQUEST = Path(__file__).parent.parent / "golden" / "http_request.json"


def call_function(bench: Bench, **changed: Any) -> tuple[dict[str, Any], Any]:
    """Return the answer of the function, and its parsed body."""
    event = json.loads(REQUEST.read_text())
    event["headers"]["Authorization"] = f"Bearer {bench.tokens['ada']}"
    answer = application.app(event | changed, None)
    return answer, json.loads(answer["body"])


def test_location_header_contains_the_stage(bench: Bench) -> None:
    answer, launched = call_function(bench, body='{"gpu": "T4"}')
    assert answer["statusCode"] == 202
    assert answer["headers"]["Location"] == f"/api/instances/{launched['id']}"


def test_base64_encoded_body_is_decoded(bench: Bench) -> None:
    body = base64.b64encode(b'{"gpu": "T4", "disk_gib": 99}').decode()
    assert call_function(bench, body=body, isBase64Encoded=True)[1]["spec"]["disk_gib"] == 99


def test_too_large_body_is_rejected(bench: Bench) -> None:
    answer, problem = call_function(bench, body=" " * MAX_BODY_BYTES + "{}")
    assert (answer["statusCode"], problem["code"]) == (413, "body_too_large")
    assert answer["headers"]["Content-Type"] == "application/problem+json"


def test_event_that_is_not_a_request_is_answered_with_a_problem(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer, problem = call_function(
            bench, requestContext={"resourcePath": "/instances/{name}", "httpMethod": "GET"}
        )
    assert (answer["statusCode"], problem["code"]) == (500, "internal_server_error")
    assert caplog.records
