"""POST /quotas/{code}/increase over HTTP."""

from typing import Any

import pytest

from tests.api.client import Bench
from tests.api.test_offers import store_offers

INCREASE = "/quotas/L-DB2E81BA/increase"


def build_body(value: Any = 96, region: str = "us-east-1") -> dict[str, Any]:
    return {"region": region, "value": value}


def test_request_is_recorded_once_and_shown_with_the_quota(bench: Bench) -> None:
    store_offers(bench)
    before = bench.world.cloud.calls.copy()
    first = bench.root("POST", INCREASE, build_body())
    second = bench.root("POST", INCREASE, build_body(128))
    assert not [call for call in bench.world.cloud.count_calls_since(before) if not call.startswith("dynamodb:")]
    assert (first.status, first.headers["location"], first.json["warnings"]) == (202, "/quotas/L-DB2E81BA", [])
    now = f"{bench.world.now:%Y-%m-%dT%H:%M:%SZ}"
    request = {
        "value": 96,
        "limit": 64,
        "state": "recorded",
        "state_since": now,
        "requested_by": "root",
        "requested_at": now,
        "aws_request_id": None,
        "case_id": None,
        "error": None,
    }
    assert second.json == {**first.json, "warnings": second.json["warnings"]}
    assert [warning["code"] for warning in second.json["warnings"]] == ["quota_request_open"]
    shown = bench.ada("GET", first.headers["location"]).json["items"]
    assert [(each["region"], each["request"]) for each in shown] == [("us-east-1", request)]


def test_request_during_a_pause_says_that_it_waits(bench: Bench) -> None:
    store_offers(bench)
    bench.root("PATCH", "/desk", {"mode": "paused"})
    codes = [
        [warning["code"] for warning in bench.root("POST", INCREASE, build_body()).json["warnings"]] for _ in range(2)
    ]
    assert codes == [["desk_paused"], ["quota_request_open", "desk_paused"]]


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "words"),
    [
        (INCREASE, build_body(64), 422, "invalid_request", "more than the limit of quota L-DB2E81BA in us-east-1"),
        (INCREASE, build_body(0), 422, "invalid_request", "must be a whole number of vCPUs"),
        (INCREASE, build_body(region="eu-west-1"), 422, "invalid_request", "a region in which gpudesk is set up"),
        ("/quotas/L-0/increase", build_body(), 404, "quota_not_found", "GET /quotas lists the quotas"),
        ("/quotas/L-417A185B/increase", build_body(), 409, "not_ready", "is not known yet"),
    ],
)
def test_wrong_request_says_what_is_accepted(
    bench: Bench, path: str, body: dict[str, Any], status: int, code: str, words: str
) -> None:
    store_offers(bench)
    answer = bench.root("POST", path, body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert words in answer.content.decode()


def test_only_admins_request_an_increase(bench: Bench) -> None:
    store_offers(bench)
    for client in (bench.ada, bench.slack):
        assert client("POST", INCREASE, build_body()).json["code"] == "admin_only"


def test_launch_beyond_the_spot_quota_that_may_fall_back_is_warned(bench: Bench) -> None:
    store_offers(bench, spot_limit=0)
    accepted = bench.ada("POST", "/instances", {"gpu": "T4", "market": "spot-or-on-demand"})
    assert accepted.status == 202
    (message,) = [each["message"] for each in accepted.json["warnings"] if each["code"] == "other_offer"]
    assert "L-3819A6DF" in message
    assert message.endswith("gpudesk launches another offer instead, such as a g4dn.xlarge (on-demand) in us-east-1.")
    assert bench.ada("POST", "/instances", {"gpu": "T4", "market": "spot"}).json["code"] == "quota_exceeded"


def test_launch_beyond_a_quota_is_refused_with_figures_and_choices_or_accepted_to_wait(bench: Bench) -> None:
    store_offers(bench, use=64, foreign_use=64)
    refused = bench.ada("POST", "/instances", {"gpu": "T4"})
    assert (refused.status, refused.json["code"]) == (409, "quota_exceeded")
    assert (refused.json["quota"]["limit"], refused.json["quota"]["free"], refused.json["quota"]["need"]) == (64, 0, 4)
    increase, wait, _ = refused.json["choices"]
    assert bench.root(increase["method"], increase["path"], increase["body"]).status == 202
    accepted = bench.ada("POST", "/instances", {"gpu": "T4", **wait["body"]})
    assert (accepted.status, accepted.json["spec"]["wait_for_quota"]) == (202, True)
    assert "waiting_for_quota" in {warning["code"] for warning in accepted.json["warnings"]}
