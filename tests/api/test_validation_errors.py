"""A request that is wrong is told, field by field, what would be right; one that cannot be read, why."""

import json
from typing import Any

import pytest

from chalicelib.api.json_body import MAX_BYTES
from tests.api.client import Bench

LAUNCH = {"gpu": "T4"}


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({"disk_gb": 64}, "disk_gb", "unknown field; did you mean disk_gib?"),
        ({"Region": "us-east-1"}, "Region", "did you mean region?"),
        ({"colour": "red"}, "colour", "unknown field; there is gpu, gpu_count,"),
        ({"disk_gib": "64"}, "disk_gib", 'a whole number of GiB from 1 to 65536, e.g. 64, not the text "64"'),
        ({"disk_gib": 64.5}, "disk_gib", "a whole number of GiB"),
        ({"disk_gib": True}, "disk_gib", "not true"),
        ({"disk_gib": 0}, "disk_gib", "from 1 to 65536, e.g. 64, not 0"),
        ({"disk_gib": 4096}, "disk_gib", "must be 8 to 2048 GiB, not 4096"),
        ({"disk_gib": {}}, "disk_gib", "not an object"),
        ({"gpu": "A1000"}, "gpu", "Did you mean"),
        ({"gpu": ["T4"]}, "gpu", "must be the name of a GPU, e.g. T4, not a list"),
        ({"gpu": ""}, "gpu", "must be the name of a GPU"),
        ({"gpu_count": 3}, "gpu_count", "No instance type has exactly 3 x T4"),
        ({"gpu": None}, "gpu", "say which GPU"),
        ({"region": "eu-nowhere-9"}, "region", "must be one of"),
        ({"market": "spot"}, "market", "spot is not built yet"),
        ({"recipe": "d2l"}, "recipe", "must be one of bare, jupyter"),
        ({"image": "ami-0123"}, "image", "there is no image 'ami-0123' of yours; GET /images lists them"),
        ({"name": "Brave Otter"}, "name", "lower-case letters"),
        ({"name": "gd-otter"}, "name", "not starting with i- or gd-"),
        ({"owner": "ada#bob"}, "owner", "a person's name"),
        ({"tags": {"team": 7}}, "tags.team", "pairs of texts"),
        ({"tags": {"aws:x": "y"}}, "tags.aws:x", "choose another key"),
        ({"tags": {"team": "a;b"}}, "tags.team", "may hold"),
        ({"project": "a\u0000b"}, "project", "must be 1 to 64 letters"),
        ({"idle_policy": {"idle_min": 5}}, "idle_policy.idle_min", "did you mean idle_minutes?"),
        ({"idle_policy": {"idle_minutes": "30"}}, "idle_policy.idle_minutes", "a whole number of minutes"),
        ({"idle_policy": {"idle_minutes": None}}, "idle_policy.idle_minutes", "not null"),
        ({"idle_policy": {"idle_minutes": 2}}, "idle_policy.idle_minutes", "3 (three samples) to 240 minutes"),
        (
            {"idle_policy": {"idle_minutes": 5, "warning_minutes": 6}},
            "idle_policy.warning_minutes",
            "at most idle_minutes (5), not 6",
        ),
        ({"idle_policy": {"signals": []}}, "idle_policy.signals", "some of gpu, jupyter"),
        ({"idle_policy": {"signals": ["gpu", "aura"]}}, "idle_policy.signals", "'aura'"),
        ({"idle_policy": {"signals": ["gpu", "gpu"]}}, "idle_policy.signals", "each signal once"),
        ({"idle_policy": {"thresholds": {"gpu_percent": 0}}}, "idle_policy.thresholds.gpu_percent", "1 to 100"),
        (
            {"idle_policy": {"thresholds": {"cpu_core_percent": 1}}},
            "idle_policy.thresholds.cpu_core_percent",
            "10 to 100000",
        ),
        ({"idle_policy": {"thresholds": {"gpus": 1}}}, "idle_policy.thresholds.gpus", "unknown field"),
        ({"idle_policy": 30}, "idle_policy", 'an object such as {"idle_minutes": 30'),
        ({"max_hours": 500}, "max_hours", "1 to 72 hours"),
        ({"max_hours": 10**400}, "max_hours", "a whole number of hours"),
    ],
)
def test_a_wrong_field_is_named_with_what_would_be_right(
    bench: Bench, said: dict[str, Any], field: str, message: str
) -> None:
    answer = bench.root("POST", "/instances", LAUNCH | said)
    assert answer.status == 422
    assert list(answer.wrong) == [field]
    assert message in answer.wrong[field]


def test_everything_that_is_wrong_is_told_at_once(bench: Bench) -> None:
    said = {"gpu": 4, "disk_gb": 64, "max_hours": "12", "idle_policy": {"warning_minutes": 0}}
    answer = bench.ada("POST", "/instances", said)
    assert set(answer.wrong) == {"gpu", "disk_gb", "max_hours", "idle_policy.warning_minutes"}
    assert all(field in answer.json["detail"] for field in answer.wrong)


@pytest.mark.parametrize(
    ("raw", "status", "detail"),
    [
        (b"{", 400, "the body is not JSON"),
        (b"[" * 8000, 400, "nested too deeply"),
        (b'{"gpu":' * 900 + b"1" + b"}" * 900, 422, ""),
        (b'{"max_hours": NaN}', 400, "NaN is no JSON number"),
        (b'{"max_hours": -Infinity}', 400, "no JSON number"),
        (b'{"max_hours": 1e999}', 400, "too large"),
        (b'{"max_hours": ' + b"9" * 5000 + b"}", 400, "the body is not JSON"),
        (b'{"gpu": "T4", "gpu": "A100"}', 400, "'gpu' appears twice"),
        (b'{"tags": {"a": "1", "a": "2"}}', 400, "'a' appears twice"),
        (b'{"gpu": "\xff"}', 400, "not UTF-8"),
        (b'{"gpu": "\\ud800"}', 400, "half a character"),
        (b'{"gpu": "T4"} {}', 400, "Extra data"),
        (b"\xef\xbb\xbf{}", 400, "the body is not JSON"),
        (b'["T4"]', 422, "must be a JSON object"),
        (b"null", 422, "must be a JSON object"),
        (b'"T4"', 422, "must be a JSON object"),
        (b'{"gpu": "' + b"x" * MAX_BYTES + b'"}', 413, "are enough for every request"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_body_that_cannot_be_read_is_refused_with_why(bench: Bench, raw: bytes, status: int, detail: str) -> None:
    answer = bench.ada("POST", "/instances", raw=raw)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert detail in answer.json["detail"]
    assert bench.ada("GET", "/me").status == 200, "the connection is still in step, or a new one is"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
)
def test_only_json_is_taken(bench: Bench, kind: str) -> None:
    answer = bench.ada("POST", "/instances", LAUNCH, headers={"Content-Type": kind})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


def test_an_encoded_body_is_not_taken(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", LAUNCH, headers={"Content-Encoding": "gzip"})
    assert answer.status == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_is_taken_however_it_is_declared(bench: Bench, kind: str) -> None:
    assert bench.ada("POST", "/instances", LAUNCH, headers={"Content-Type": kind}).status == 202


def test_where_there_is_no_body_its_declared_type_does_not_matter(bench: Bench) -> None:
    assert bench.ada("GET", "/me", headers={"Content-Type": "text/plain"}).status == 200
    bench.world.launch(name="brave-otter")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert bench.ada("DELETE", "/instances/brave-otter", raw=b"", headers=form).status == 202


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        ("/instances?limit=0", "limit", "a whole number from 1 to 100, e.g. 50"),
        ("/instances?limit=101", "limit", "from 1 to 100"),
        ("/instances?limit=ten", "limit", 'not the text "ten"'),
        ("/instances?limit=1&limit=2", "limit", "more than once"),
        ("/instances?limt=5", "limt", "did you mean limit?"),
        ("/instances?cursor=", "cursor", "the next_cursor of an earlier answer"),
        ("/instances?cursor=bm9uc2Vuc2U=", "cursor", "the next_cursor of an earlier answer"),
        ("/recipes?cursor=nonsense", "cursor", "the next_cursor of an earlier answer"),
        ("/costs?since=yesterday", "since", "YYYY-MM-DD"),
        ("/costs?since=2026-02-30", "since", "YYYY-MM-DD"),
        ("/costs?since=0001-01-01", "since", "from 2020 on"),
        ("/costs?since=2026-01-02&until=2026-01-01", "until", "must not be before since"),
        ("/costs?since=2020-01-01&until=2025-01-01", "until", "366 days"),
        ("/me?verbose=1", "verbose", "unknown field; there is owner"),
        ("/healthz?x=1", "x", "none is taken here"),
    ],
)
def test_a_query_is_checked_as_a_body_is(bench: Bench, path: str, field: str, message: str) -> None:
    answer = bench.root("GET", path)
    assert answer.status == 422
    assert list(answer.wrong) == [field]
    assert message in answer.wrong[field]


def test_what_takes_nothing_says_so(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances/brave-otter/stop", {"force": True})
    assert (answer.status, answer.wrong) == (422, {"force": "unknown field; none is taken here"})


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "body", "either hours or until"),
        ({"hours": 1, "until": "2026-01-05T12:00:00Z"}, "body", "either hours or until"),
        ({"hours": 0}, "hours", "more than 0"),
        ({"hours": "4"}, "hours", "a number of hours"),
        ({"hours": 1000}, "hours", "at most 72 hours from now"),
        ({"until": "tomorrow"}, "until", "a time with its zone, e.g."),
        ({"until": "2026-01-05T12:00:00"}, "until", "a time with its zone"),
        ({"until": 1767614400}, "until", "a time with its zone"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "until", "a time with its zone"),
        ({"until": "2026-01-01T00:00:00Z"}, "until", "must be at least 1 minute"),
        ({"minutes": 5}, "minutes", "unknown field"),
    ],
)
def test_a_keep_says_one_thing_and_rightly(bench: Bench, body: Any, field: str, message: str) -> None:
    bench.world.launch(name="brave-otter")
    answer = bench.ada("POST", "/instances/brave-otter/keep", body)
    assert answer.status == 422
    assert message in answer.wrong[field]


def test_a_refusal_is_a_problem_with_all_its_members(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4", "disk_gb": 64})
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content) == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "the body cannot be read as it is: see disk_gb",
        "code": "invalid_request",
        "errors": [{"field": "disk_gb", "message": "unknown field; did you mean disk_gib?"}],
    }
