"""GET /recipes, parameters of POST /instances, and POST /instances/{name}/setup, over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.domain.access.actor import Role
from local.server.api_server import ApiServer
from tests.api.client import Client
from tests.support.recipes import PARAMETERS, UBUNTU_18, build_recipes
from tests.support.world import World, open_world


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world(recipes=build_recipes()) as world:
        yield world


@pytest.fixture
def ada(world: World, server: ApiServer) -> Iterator[Client]:
    bootstrap.set_application(world.application)
    client = Client(server.port, world.application.tokens.create("ada", Role.USER, now=world.now))
    yield client
    client.close()
    bootstrap.set_application(None)


def test_recipe_shows_its_parameters_and_requirements(ada: Client) -> None:
    recipes = {each["name"]: each for each in ada("GET", "/recipes").json["items"]}
    assert list(recipes) == list(build_recipes())
    old = recipes["old"]
    release = {"name": "release", **PARAMETERS["release"]}
    assert old["parameters"][0] == release
    assert [each["name"] for each in old["parameters"]] == ["release", "notebooks", "workers"]
    assert old["parameters"][1]["pattern_description"] == "true or false"
    assert old["requirements"] == {
        "architectures": ["x86_64"],
        "ubuntu": ["18.04"],
        "compute_capability": {"min": "3.0", "max": "7.5", "reason": "CUDA 10.1", "by_architecture": {}},
        "supports_cpu": False,
        "compatible_gpus": ["T4"],
    }
    assert (old["image"], old["extends"], old["jupyter"]) == ({"x86_64": UBUNTU_18}, None, False)
    assert recipes["bare"]["requirements"]["compute_capability"] is None
    assert "Radeon Pro V520" in recipes["bare"]["requirements"]["compatible_gpus"]
    assert recipes["bare"]["image"] is None


def test_launch_on_cpu_with_parameters_warns_of_skipped_gpu_steps(ada: Client) -> None:
    body = {"instance_type": "t3.large", "recipe": "new", "parameters": {"workers": 2, "notebooks": False}}
    answer = ada("POST", "/instances", body)
    assert answer.status == 202
    assert answer.json["spec"]["parameters"] == {"release": "one", "notebooks": False, "workers": 2}
    message = "t3.large has no GPU. Recipe new skips its GPU steps and computes on the CPU."
    assert answer.json["warnings"][0] == {"code": "gpu_steps_skipped", "message": message}


@pytest.mark.parametrize(
    ("parameters", "field", "words"),
    [
        (
            {"release": None},
            "parameters.release",
            "must not be null; parameters must be an object of recipe parameters",
        ),
        ({"release": ["one"]}, "parameters.release", "parameters must be an object of recipe parameters"),
        ({"release": 1.5}, "parameters.release", "parameters must be an object of recipe parameters"),
        ({"release": "x" * 501}, "parameters.release", "parameters must be an object of recipe parameters"),
        ({"workers": 10**16}, "parameters.workers", "parameters must be an object of recipe parameters"),
        ({"release": "One"}, "parameters.release", "must be a release: 1 to 8 lower-case letters"),
        ({"workers": 2.5}, "parameters.workers", "must be"),
        ({"relase": "one"}, "parameters.relase", "Did you mean release?"),
        ([], "parameters", "must be an object of recipe parameters"),
    ],
)
def test_launch_with_wrong_parameter_is_rejected_with_accepted_values(
    ada: Client, parameters: Any, field: str, words: str
) -> None:
    answer = ada("POST", "/instances", {"gpu": "T4", "recipe": "new", "parameters": parameters})
    assert answer.status == 422
    assert words in answer.field_errors[field]


def test_setup_of_another_recipe_is_accepted_once_at_a_time(ada: Client, world: World) -> None:
    world.launch_until_ready(name="brave-otter", recipe="bare")
    requested = ada("POST", "/instances/brave-otter/setup", {"recipe": "new", "parameters": {"workers": 3}})
    assert (requested.status, requested.json["phase"], requested.json["warnings"]) == (202, "setting-up", [])
    assert requested.headers["location"] == f"/instances/{requested.json['id']}"
    parameters = {"release": "one", "notebooks": True, "workers": 3}
    assert requested.json["spec"]["added_recipes"] == [{"recipe": "new", "parameters": parameters}]
    setup = requested.json["status"]["setup"]
    assert (setup["recipe"], setup["document"]) == ("new", "gpudesk-jupyter")
    assert (setup["document_index"], setup["document_count"]) == (1, 1)
    busy = ada("POST", "/instances/brave-otter/setup")
    assert (busy.status, busy.json["code"]) == (409, "setup_in_progress")
    wrong = ada("POST", "/instances/brave-otter/setup", {"recipes": "new"})
    assert (wrong.status, wrong.field_errors["recipes"]) == (422, "unknown field; did you mean recipe?")
    lines = ada("GET", "/instances/brave-otter/timeline").json["items"]
    (line,) = [line for line in lines if line["code"] == "setup_requested"]
    assert line["message"] == "ada requested to add recipe new to brave-otter with workers=3."
