"""Tokens, and permissions of users, bots and admins."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib import bootstrap
from chalicelib.api.openapi import ROUTERS, build_openapi
from chalicelib.api.parameters import OWNER_REF
from chalicelib.api.route import AuthenticatedRoute, Endpoint
from chalicelib.domain.access.actor import Role
from tests.api.client import Bench

ROUTES_WITH_TOKEN = [
    ("POST", "/instances"),
    ("GET", "/instances"),
    ("GET", "/instances/brave-otter"),
    ("PATCH", "/instances/brave-otter"),
    ("DELETE", "/instances/brave-otter"),
    ("POST", "/instances/brave-otter/stop"),
    ("POST", "/instances/brave-otter/start"),
    ("POST", "/instances/brave-otter/keep"),
    ("POST", "/instances/brave-otter/sessions"),
    ("GET", "/instances/brave-otter/connect"),
    ("GET", "/instances/brave-otter/timeline"),
    ("GET", "/recipes"),
    ("GET", "/costs"),
    ("GET", "/me"),
    ("GET", "/desk"),
    ("PATCH", "/desk"),
    ("GET", "/desk/timeline"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES_WITH_TOKEN)
def test_request_without_token_is_rejected_with_instructions(bench: Bench, method: str, path: str) -> None:
    answer = bench.create_client()(method, path)
    assert (answer.status, answer.json["code"]) == (401, "token_missing")
    assert answer.headers["www-authenticate"] == 'Bearer realm="gpudesk"'
    assert "Authorization: Bearer gpd_" in answer.json["detail"]
    assert "admin" in answer.json["detail"]


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json"])
def test_health_and_openapi_need_no_token(bench: Bench, path: str) -> None:
    assert bench.create_client()("GET", path).status == 200


@pytest.mark.parametrize(
    "token", ["nonsense", "gpd_short", f"gpd_{'x' * 43}", f"gpd_{'x' * 43} more", "gpd_\xe9" + "x" * 40]
)
def test_malformed_or_unknown_token_is_rejected_and_not_repeated(bench: Bench, token: str) -> None:
    answer = bench.create_client(token)("GET", "/me")
    assert (answer.status, answer.json["code"]) == (401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert token not in answer.json["detail"]


def test_malformed_token_is_rejected_without_a_read(bench: Bench) -> None:
    before = bench.world.cloud.calls.copy()
    bench.create_client("nonsense")("GET", "/me")
    assert bench.world.cloud.count_calls_since(before) == {}


def test_other_authorization_scheme_is_rejected(bench: Bench) -> None:
    answer = bench.create_client()("GET", "/me", headers={"Authorization": "Basic YWRhOmFkYQ=="})
    assert (answer.status, answer.json["code"]) == (401, "token_missing")


def test_authorization_scheme_is_accepted_in_any_case(bench: Bench) -> None:
    header = {"Authorization": f"bearer  {bench.tokens['ada']}"}
    assert bench.create_client()("GET", "/me", headers=header).status == 200


def test_token_is_rejected_after_it_has_expired(bench: Bench) -> None:
    life = timedelta(hours=1)
    token = bench.world.application.tokens.create("eve", Role.USER, now=bench.world.now, valid_for=life)
    eve = bench.create_client(token)
    assert eve("GET", "/me").status == 200
    bench.world.clock.advance(life)
    assert eve("GET", "/me").json["code"] == "invalid_token"


def test_me_returns_the_holder_of_the_token(bench: Bench) -> None:
    me = bench.ada("GET", "/me").json
    assert (me["owner"], me["role"], me["on_behalf_of"]) == ("ada", "user", "ada")
    assert set(me["token"]) == {"id", "expires_at"}


def test_instance_of_another_owner_is_answered_like_a_missing_one(bench: Bench) -> None:
    theirs = bench.world.launch(name="brave-otter")
    for ref in ("brave-otter", theirs.id, "no-such"):
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"max_hours": 3}),
            ("DELETE", "", None),
            ("POST", "/stop", None),
            ("POST", "/keep", {"hours": 1}),
            ("POST", "/sessions", {"kind": "shell"}),
            ("GET", "/connect", None),
            ("GET", "/timeline", None),
        ):
            answer = bench.bob(method, f"/instances/{ref}{path}", body)
            assert (answer.status, answer.json["code"]) == (404, "instance_not_found"), (method, path)
            assert answer.json["detail"].replace(ref, "X") == (
                "Instance 'X' was not found. GET /instances lists the instances that you can access."
            )
    assert bench.bob("GET", "/instances").json["items"] == []


def test_admin_lists_all_instances_or_those_of_one_owner(bench: Bench) -> None:
    bench.ada("POST", "/instances", {"gpu": "T4"})
    bench.bob("POST", "/instances", {"gpu": "T4"})

    def owners(path: str) -> list[str]:
        return sorted(each["owner"] for each in bench.root("GET", path).json["items"])

    assert owners("/instances") == ["ada", "bob"]
    assert owners("/instances?owner=bob") == ["bob"]


def test_user_who_names_another_owner_is_forbidden(bench: Bench) -> None:
    assert bench.ada("POST", "/instances", {"gpu": "T4", "owner": "bob"}).status == 403
    assert bench.ada("GET", "/instances?owner=bob").status == 403
    assert bench.ada("GET", "/costs?owner=bob").status == 403
    assert bench.ada("POST", "/instances", {"gpu": "T4", "owner": "ada"}).status == 202


def test_bot_must_name_an_owner_and_the_timeline_shows_both(bench: Bench) -> None:
    refused = bench.slack("POST", "/instances", {"gpu": "T4"})
    assert (refused.status, refused.json["code"], list(refused.field_errors)) == (422, "owner_required", ["owner"])
    launched = bench.slack("POST", "/instances", {"gpu": "T4", "owner": "ada", "name": "brave-otter"})
    assert (launched.status, launched.json["owner"]) == (202, "ada")
    assert bench.slack("POST", "/instances/brave-otter/keep", {"hours": 1}).status == 422
    assert bench.slack("POST", "/instances/brave-otter/keep?owner=bob", {"hours": 1}).status == 404
    assert bench.slack("POST", "/instances/brave-otter/keep?owner=ada", {"hours": 1}).status == 202
    lines = bench.ada("GET", "/instances/brave-otter/timeline").json["items"]
    assert {line["actor"] for line in lines} == {"slack for ada"}


def test_different_owners_in_query_and_body_are_rejected(bench: Bench) -> None:
    answer = bench.root("POST", "/instances?owner=ada", {"gpu": "T4", "owner": "bob"})
    assert (answer.status, list(answer.field_errors)) == (422, ["owner"])


def test_desk_update_by_user_or_bot_is_forbidden(bench: Bench) -> None:
    for client in (bench.ada, bench.slack):
        answer = client("PATCH", "/desk", {"mode": "paused"})
        assert (answer.status, answer.json["code"]) == (403, "admin_only")
    assert bench.ada("GET", "/desk").json["mode"] == "enforce"


def test_internal_error_does_not_reveal_the_token(bench: Bench) -> None:
    class Leaky(type(bench.world.application.tokens)):  # type: ignore[misc]
        def find_holder(self, token: str, now: object) -> None:
            raise RuntimeError(f"the table does not answer for {token}")

    bootstrap.set_application(replace(bench.world.application, tokens=Leaky()))
    answer = bench.ada("GET", "/me")
    assert answer.status == 500
    assert bench.tokens["ada"] not in answer.content.decode()


def test_not_found_and_forbidden_are_true_for_every_caller(bench: Bench) -> None:
    for client in (bench.ada, bench.root):
        for kind in ("instance", "image"):
            detail = client("GET", f"/{kind}s/nope").json["detail"]
            assert detail == (
                f"{kind.capitalize()} 'nope' was not found. GET /{kind}s lists the {kind}s that you can access."
            )
    assert bench.ada("PATCH", "/desk", {"mode": "paused"}).json["detail"] == (
        "Only an admin can change the desk settings."
    )


def test_owner_in_the_query_must_be_the_owner_in_the_path(bench: Bench) -> None:
    for client in (bench.root, bench.slack):
        answer = client("GET", "/owners/ada?owner=bob")
        assert (answer.status, list(answer.field_errors)) == (422, ["owner"])
        assert client("GET", "/owners/ada?owner=ada").json["owner"] == "ada"


ADMIN_PATHS = ("/foreign-instances", "/adoptions/{instance_id}")
GET_ROUTES = [
    route.endpoint
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, AuthenticatedRoute)
    if route.endpoint.method == "GET" and route.endpoint.path_parameter != OWNER_REF
]


@pytest.mark.parametrize("endpoint", GET_ROUTES, ids=lambda endpoint: endpoint.path)
def test_bot_must_name_an_owner_to_read_what_differs_by_owner(bench: Bench, endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{instance_id}", "i-0123456789abcdef0").replace("{code}", "L-DB2E81BA")
    answer = bench.slack("GET", re.sub("{.*?}", "x", path))
    expected = (422, "owner_required") if endpoint.needs_owner else (200, None)
    if endpoint.path in ADMIN_PATHS:
        expected = (403, "admin_only")
    assert (answer.status, answer.json.get("code")) == expected
    parameters = build_openapi()["paths"][endpoint.path]["get"]["parameters"]
    (owner,) = (parameter for parameter in parameters if parameter["name"] == "owner")
    assert ("need not name one" in owner["description"]) is not endpoint.needs_owner
