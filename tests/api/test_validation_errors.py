"""Validation errors: wrong fields with the accepted values, and unreadable bodies with the reason."""

import json
from typing import Any

import pytest

from chalicelib.api.validation import MAX_BODY_BYTES
from tests.api.client import Bench

LAUNCH = {"gpu": "T4"}


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"disk_gb": 64}, "disk_gb", "unknown field; did you mean disk_gib?"),
        ({"Region": "us-east-1"}, "Region", "did you mean region?"),
        ({"zone": "us-east-1a"}, "zone", "unknown field; known: "),
        ({"disk": 64}, "disk", "unknown field; did you mean disk_gib?"),
        (
            {"colour": "red"},
            "colour",
            "unknown field; known: gpu, gpu_count, instance_type, region, market, resume_after_interruption and ",
        ),
        (
            {"disk_gib": "64"},
            "disk_gib",
            'a whole number of GiB from 8 to limits.disk_gib of GET /desk, e.g. 64, not the text "64"',
        ),
        ({"disk_gib": 64.5}, "disk_gib", "a whole number of GiB"),
        ({"disk_gib": True}, "disk_gib", "not true"),
        ({"disk_gib": 0}, "disk_gib", "from 8 to limits.disk_gib of GET /desk, e.g. 64, not 0"),
        ({"disk_gib": 4096}, "disk_gib", "must be 8 to 2048 GiB, not 4096"),
        ({"disk_gib": {}}, "disk_gib", "not an object"),
        ({"disk_gib": 10**60}, "disk_gib", f"not 1{'0' * 39}..."),
        ({"gpu": "A1000"}, "gpu", "Did you mean"),
        ({"gpu": ["T4"]}, "gpu", "must be the name of a GPU, e.g. T4, not a list"),
        ({"gpu": ""}, "gpu", "must be the name of a GPU"),
        ({"gpu_count": 3}, "gpu_count", "No instance type has exactly 3 x T4"),
        ({"gpu": None}, "gpu", "is required, unless you send an instance_type"),
        ({"region": "eu-nowhere-9"}, "region", "must be one of"),
        ({"region": "eu-west-1"}, "region", "gpudesk is not set up in eu-west-1; must be one of us-east-1"),
        ({"market": "cheap"}, "market", "must be on-demand, spot or spot-or-on-demand, not 'cheap'"),
        ({"resume_after_interruption": True}, "resume_after_interruption", "only with market spot"),
        ({"recipe": "d2l"}, "recipe", "must be one of bare, jupyter"),
        ({"image": "ami-0123"}, "image", "you have no image 'ami-0123'; GET /images lists your images"),
        ({"name": "Brave Otter"}, "name", "lower-case letters"),
        ({"name": "gd-otter"}, "name", "not starting with i- or gd-"),
        ({"owner": "ada#bob"}, "owner", "the name of an owner"),
        ({"tags": {"team": 7}}, "tags.team", "must not be 7; tags must be an object of texts"),
        ({"tags": {"aws:x": "y"}}, "tags.aws:x", "choose another key"),
        ({"tags": {"team": "a;b"}}, "tags.team", "must contain only"),
        ({"project": "a;b"}, "project", "must be 1 to 64 letters"),
        ({"idle_policy": {"idle_min": 5}}, "idle_policy.idle_min", "did you mean idle_minutes?"),
        ({"idle_policy": {"idle_minutes": "30"}}, "idle_policy.idle_minutes", "a whole number of minutes"),
        ({"idle_policy": {"idle_minutes": None}}, "idle_policy.idle_minutes", "not null"),
        (
            {"idle_policy": {"idle_minutes": 2}},
            "idle_policy.idle_minutes",
            "from 3 (three samples) to limits.idle_minutes of GET /desk, e.g. 30, not 2",
        ),
        (
            {"idle_policy": {"idle_minutes": 5, "warning_minutes": 6}},
            "idle_policy.warning_minutes",
            "at most idle_minutes (5), not 6",
        ),
        ({"idle_policy": {"signals": []}}, "idle_policy.signals", "one or more of gpu, jupyter"),
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
        ({"max_price": 1.25}, "max_price", "as text with at most 6 decimal places"),
        ({"max_price": "0.5"}, "max_price", "at least $0.526, the price of g4dn.xlarge in us-east-1"),
        ({"wait_until": "2020-01-01T00:00:00Z"}, "wait_until", "in the future and at most 2026-"),
        ({"wait_until": "2099-01-01T00:00:00Z"}, "wait_until", "not 2099-01-01T00:00:00Z"),
        ({"max_hours": 500}, "max_hours", "1 to 72 hours"),
        ({"max_hours": 10**400}, "max_hours", "a whole number of hours"),
    ],
)
def test_launch_with_wrong_field_is_rejected_with_accepted_values(
    bench: Bench, body: dict[str, Any], field: str, message: str
) -> None:
    answer = bench.root("POST", "/instances", LAUNCH | body)
    assert answer.status == 422
    assert list(answer.field_errors) == [field]
    assert message in answer.field_errors[field]


def test_launch_with_several_wrong_fields_names_all_of_them(bench: Bench) -> None:
    body = {"gpu": 4, "disk_gb": 64, "max_hours": "12", "idle_policy": {"warning_minutes": 0}}
    answer = bench.ada("POST", "/instances", body)
    assert set(answer.field_errors) == {"gpu", "disk_gb", "max_hours", "idle_policy.warning_minutes"}
    assert all(field in answer.json["detail"] for field in answer.field_errors)


@pytest.mark.parametrize(
    ("raw", "status", "detail"),
    [
        (b"{", 400, "The body is not valid JSON ("),
        (b"[" * 8000, 400, "nested too deeply"),
        (b'{"gpu":' * 900 + b"1" + b"}" * 900, 422, ""),
        (b'{"max_hours": NaN}', 400, "NaN is not a JSON number"),
        (b'{"max_hours": -Infinity}', 400, "-Infinity is not a JSON number"),
        (b'{"max_hours": 1e999}', 400, "too large"),
        (b'{"max_hours": ' + b"9" * 5000 + b"}", 400, "contains a number of 5000 digits; the maximum is 4000"),
        (b'{"gpu": "T4", "gpu": "A100"}', 400, 'The body repeats the field "gpu".'),
        (b'{"tags": {"a": "1", "a": "2"}}', 400, 'repeats the field "a"'),
        (b'{"gpu": "\xff"}', 400, "not UTF-8"),
        (b'{"gpu": "\\ud800"}', 400, "The body contains an unpaired surrogate."),
        (b'{"gpu": "T4"} {}', 400, "more text follows the value"),
        (b"\xef\xbb\xbf{}", 400, "it starts with a byte order mark"),
        (b'["T4"]', 422, "must be a JSON object"),
        (b"null", 422, "must be a JSON object"),
        (b'"T4"', 422, "must be a JSON object"),
        (b'{"gpu": "' + b"x" * MAX_BODY_BYTES + b'"}', 413, f"The maximum is {MAX_BODY_BYTES}."),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_unreadable_body_is_rejected_with_the_reason(bench: Bench, raw: bytes, status: int, detail: str) -> None:
    answer = bench.ada("POST", "/instances", raw=raw)
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert detail in answer.json["detail"]
    assert bench.ada("GET", "/me").status == 200, "a request after an unreadable body is answered"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"]
)
def test_body_of_another_media_type_is_rejected(bench: Bench, kind: str) -> None:
    answer = bench.ada("POST", "/instances", LAUNCH, headers={"Content-Type": kind})
    assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type")


def test_encoded_body_is_rejected(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", LAUNCH, headers={"Content-Encoding": "gzip"})
    assert answer.status == 415


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_body_is_accepted_with_any_spelling_of_its_type(bench: Bench, kind: str) -> None:
    assert bench.ada("POST", "/instances", LAUNCH, headers={"Content-Type": kind}).status == 202


def test_request_without_body_is_accepted_with_any_media_type(bench: Bench) -> None:
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
        ("/costs?since=2026-01-02&until=2026-01-01", "since", "must not be after until (2026-01-01)"),
        ("/costs?since=2020-01-01&until=2025-01-01", "since", "must be at most 366 days before until (2025-01-01)"),
        ("/me?verbose=1", "verbose", "unknown query parameter; known: owner"),
        ("/healthz?x=1", "x", "this request has no query parameters"),
    ],
)
def test_query_with_wrong_value_is_rejected_with_accepted_values(
    bench: Bench, path: str, field: str, message: str
) -> None:
    answer = bench.root("GET", path)
    assert answer.status == 422
    assert list(answer.field_errors) == [field]
    assert message in answer.field_errors[field]


def test_body_of_a_request_without_fields_is_rejected(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances/brave-otter/stop", {"force": True})
    assert (answer.status, answer.field_errors) == (422, {"force": "unknown field; this request has no fields"})


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "body", "must have exactly one of hours and until"),
        ({"hours": 1, "until": "2026-01-05T12:00:00Z"}, "body", "must have exactly one of hours and until"),
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
def test_keep_with_wrong_field_is_rejected_with_accepted_values(
    bench: Bench, body: Any, field: str, message: str
) -> None:
    bench.world.launch(name="brave-otter")
    answer = bench.ada("POST", "/instances/brave-otter/keep", body)
    assert answer.status == 422
    assert message in answer.field_errors[field]


def test_rejected_request_is_a_problem_with_all_its_members(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4", "disk_gb": 64})
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content) == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "1 field is invalid: disk_gb.",
        "code": "invalid_request",
        "errors": [{"field": "disk_gb", "message": "unknown field; did you mean disk_gib?"}],
    }


TEXT_FIELDS: dict[str, Any] = {
    "gpu": "T4",
    "instance_type": "g4dn.xlarge",
    "region": "us-east-1",
    "market": "on-demand",
    "recipe": "jupyter",
    "image": "latest",
    "name": "brave-otter",
    "owner": "ada",
    "project": "vision",
}


@pytest.mark.parametrize("character", ["\x00", "\n", "\t", "\x7f", "\u200b", "\u202e"])
def test_text_with_invisible_character_is_rejected(bench: Bench, character: str) -> None:
    for field, value in TEXT_FIELDS.items():
        answer = bench.ada("POST", "/instances", {"gpu": "T4", field: f"{value}{character}"})
        assert answer.status == 422
        assert answer.field_errors == {field: "must not contain control characters or invisible ones"}
    for tags in ({f"team{character}": "x"}, {"team": f"x{character}"}):
        answer = bench.ada("POST", "/instances", {"gpu": "T4", "tags": tags})
        assert list(answer.field_errors) == ["tags"]
    answer = bench.root("PATCH", "/desk", {"limits": {"required_tags": [f"team{character}"]}})
    assert list(answer.field_errors) == ["limits.required_tags"]
    answer = bench.ada("PATCH", "/owners/ada", {"channels": {"email": f"ada@example.org{character}"}})
    assert list(answer.field_errors) == ["channels.email"]


def test_invisible_characters_of_unknown_field_are_escaped(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", {"gpu": "T4", "na\u202eme": "x"})
    assert list(answer.field_errors) == ["na\\u202eme"]


def test_whole_number_with_a_fraction_of_zero_is_a_whole_number(bench: Bench) -> None:
    answer = bench.ada("POST", "/instances", raw=b'{"gpu": "T4", "disk_gib": 1e2, "gpu_count": 1.0}')
    assert (answer.status, answer.json["spec"]["disk_gib"]) == (202, 100)
    answer = bench.ada("POST", "/instances", raw=b'{"gpu": "T4", "disk_gib": 100.5}')
    assert list(answer.field_errors) == ["disk_gib"]
