"""Recipes: what is in the file, and what a malformed one is told."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from chalicelib.domain.setup.parameters import InvalidRecipe
from chalicelib.domain.setup.recipe import PLACEHOLDERS, RecipeDocument, parse_recipes, parse_shared_parameters
from chalicelib.store import data_files
from ssm_documents.compose import compose

DATA = Path(data_files.__file__).parent.parent / "data"
SCHEMA = json.loads((DATA / "recipes.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
CHOICE = {
    "type": "String",
    "default": "x1",
    "allowed_pattern": "^x[0-9]$",
    "pattern_description": "x and a digit",
    "description": "D",
}
FITS = {"architectures": ["x86_64"], "ubuntu": ["22.04"], "compute_capability": None, "supports_cpu": True}


def recipe(**changes: Any) -> dict[str, Any]:
    use = {"name": "a-document", "parameters": {"attemptId": "${attempt_id}"}, "timeout_minutes": 3}
    entry = {"title": "T", "description": "D", "documents": [use | changes], "jupyter_port": None, "requirements": FITS}
    return {"recipes": {"mine": entry}}


def document(parameters: dict[str, str]) -> RecipeDocument:
    return RecipeDocument("a-document", parameters, timeout=timedelta(minutes=3))


def test_a_recipe_is_read_with_its_documents_in_order() -> None:
    jupyter = data_files.load_packaged_recipes()["jupyter"]
    assert [use.name for use in jupyter.documents] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert jupyter.jupyter_port == 8888
    assert data_files.load_packaged_recipes()["bare"].jupyter_port is None


def test_the_file_keeps_to_its_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert not list(VALIDATOR.iter_errors(json.loads((DATA / "recipes.json").read_text())))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"titel": "T"}, ""),
        ({"title": ""}, "title"),
        ({"documents": []}, "documents"),
        ({"jupyter_port": 80}, "jupyter_port"),
        ({"requirements": FITS | {"architectures": ["riscv"]}}, "requirements.architectures.0"),
        ({"requirements": FITS | {"ubuntu": ["jammy"]}}, "requirements.ubuntu.0"),
        ({"requirements": FITS | {"compute_capability": {"min": 7.5, "max": None}}}, "requirements.compute_capability"),
        ({"image": {"x86_64": "ami-0123"}}, "image"),
        ({"parameters": {"a": CHOICE | {"type": "Float"}}}, "parameters.a.type"),
        ({"parameters": {"a": CHOICE | {"default": 1}}}, "parameters.a.default"),
        ({"parameters": {"a": "sharde"}}, "parameters.a"),
        ({"parameters": {"a": {"type": "String", "default": "x", "description": "D"}}}, "parameters.a"),
    ],
)
def test_the_schema_finds_what_is_wrong(changes: dict[str, Any], where: str) -> None:
    data = recipe(name="gpudesk-mine")
    data["recipes"]["mine"] |= changes
    (problem,) = VALIDATOR.iter_errors(data)
    assert ".".join(map(str, problem.absolute_path)) == f"recipes.mine.{where}".rstrip(".")


def test_what_was_chosen_is_filled_in_and_the_desks_own_placeholders_stay() -> None:
    data = recipe(parameters={"attemptId": "${attempt_id}", "release": "${a}", "notebooks": "${b}"})
    flag = {"type": "Boolean", "default": True, "description": "D"}
    data["recipes"]["mine"]["parameters"] = {"a": CHOICE, "b": flag}
    (use,) = parse_recipes(data)["mine"].fill_documents({"a": "x9", "b": False})
    assert use.parameters == {"attemptId": "${attempt_id}", "release": "x9", "notebooks": "false"}


def test_a_shared_parameter_is_named_by_recipes_and_stands_once() -> None:
    data = recipe() | {"parameters": {"a": CHOICE}}
    data["recipes"]["mine"]["parameters"] = {"a": "shared"}
    data["recipes"]["other"] = data["recipes"]["mine"] | {"parameters": {"a": "shared", "b": CHOICE}}
    parsed = parse_recipes(data)
    assert parsed["mine"].parameters["a"] == parsed["other"].parameters["a"] == parse_shared_parameters(data)["a"]
    data["recipes"]["mine"]["parameters"] = {"c": "shared"}
    with pytest.raises(InvalidRecipe, match="recipe 'mine': c is not shared; there is a"):
        parse_recipes(data)


def test_what_people_choose_is_bound_alike_in_recipe_and_document() -> None:
    """A pattern that stands twice drifts: what the desk admits, SSM refuses once a machine is paid for."""
    for name, mine in data_files.load_packaged_recipes().items():
        for use in mine.documents:
            taken = compose(use.name)["parameters"]
            for ssm, text in use.parameters.items():
                if chosen := mine.parameters.get(text.strip("${}")):
                    assert taken[ssm]["allowedPattern"] == chosen.allowed_pattern, f"{name}: {ssm}"
                    assert taken[ssm]["default"] == chosen.default, f"{name}: {ssm}"


def test_a_parameter_that_is_called_like_a_placeholder_of_the_desks_is_refused() -> None:
    data = recipe()
    data["recipes"]["mine"]["parameters"] = {"gpu_count": CHOICE}
    with pytest.raises(InvalidRecipe, match="the desk itself fills in gpu_count"):
        parse_recipes(data)


def test_placeholders_are_filled_in_and_the_rest_is_kept() -> None:
    filled = document({"a": "x-${region}-${attempt_id}", "b": "plain"}).fill(
        {"region": "eu-west-1", "attempt_id": "a1"}
    )
    assert filled.parameters == {"a": "x-eu-west-1-a1", "b": "plain"}


def test_a_value_that_looks_like_a_placeholder_is_not_filled_in_again() -> None:
    assert document({"a": "${region}"}).fill({"region": "${attempt_id}"}).parameters == {"a": "${attempt_id}"}


def test_a_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="region"):
        document({"a": "${region}"}).fill({})


@pytest.mark.parametrize("text", ["${owner}", "$region", "${region", "${}", "a$"])
def test_an_unknown_or_broken_placeholder_is_refused_when_the_recipe_is_read(text: str) -> None:
    with pytest.raises(InvalidRecipe, match=r"mine.*a-document.*attemptId.*only .*\$\{region\}"):
        parse_recipes(recipe(parameters={"attemptId": text}))


def test_a_missing_field_is_named() -> None:
    data = recipe()
    del data["recipes"]["mine"]["title"]
    with pytest.raises(InvalidRecipe, match=r"'mine' lacks 'title'"):
        parse_recipes(data)


@pytest.mark.parametrize("name", sorted(data_files.load_packaged_recipes()))
def test_every_recipe_gives_its_documents_what_they_need_and_nothing_that_they_do_not_take(name: str) -> None:
    for use in data_files.load_packaged_recipes()[name].documents:
        taken = compose(use.name)["parameters"]
        needed = {parameter for parameter, entry in taken.items() if "default" not in entry}
        assert needed <= set(use.parameters) <= set(taken)


@pytest.mark.parametrize("name", sorted(data_files.load_packaged_recipes()))
def test_a_document_gets_at_least_the_time_that_its_steps_may_take(name: str) -> None:
    for use in data_files.load_packaged_recipes()[name].documents:
        steps = compose(use.name)["mainSteps"]
        limits = sum(int(step["inputs"]["timeoutSeconds"]) for step in steps)
        assert use.timeout >= timedelta(seconds=limits)


def test_all_placeholders_are_used_by_some_recipe() -> None:
    texts = " ".join(
        text
        for packaged_recipe in data_files.load_packaged_recipes().values()
        for use in packaged_recipe.documents
        for text in use.parameters.values()
    )
    assert all(f"${{{name}}}" in texts for name in PLACEHOLDERS)
