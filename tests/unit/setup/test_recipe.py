"""Recipes: the content of recipes.json, and the errors of invalid recipes."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from chalicelib.domain.setup.parameters import InvalidRecipe
from chalicelib.domain.setup.recipe import PLACEHOLDERS, RecipeDocument, parse_recipes, parse_shared_parameters
from chalicelib.store import data_files
from tests.support.documents import copy_document

DATA = Path(data_files.__file__).parent.parent / "data"
SCHEMA = json.loads((DATA / "recipes.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
PARAMETER = {
    "type": "String",
    "default": "x1",
    "allowed_pattern": "^x[0-9]$",
    "pattern_description": "x and a digit",
    "description": "D",
}
REQUIREMENTS = {"architectures": ["x86_64"], "ubuntu": ["22.04"], "compute_capability": None, "supports_cpu": True}


def build_entries(**changes: Any) -> dict[str, Any]:
    use = {"name": "a-document", "parameters": {"attemptId": "${attempt_id}"}, "timeout_minutes": 3}
    entry = {
        "title": "T",
        "description": "D",
        "documents": [use | changes],
        "jupyter_port": None,
        "requirements": REQUIREMENTS,
    }
    return {"recipes": {"mine": entry}}


def build_document(parameters: dict[str, str]) -> RecipeDocument:
    return RecipeDocument("a-document", parameters, timeout=timedelta(minutes=3))


def test_recipe_has_its_documents_in_order() -> None:
    jupyter = data_files.load_packaged_recipes()["jupyter"]
    assert [use.name for use in jupyter.documents] == ["gpudesk-probe", "gpudesk-jupyter"]
    assert jupyter.jupyter_port == 8888
    assert data_files.load_packaged_recipes()["bare"].jupyter_port is None


def test_recipes_json_is_valid_against_its_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert not list(VALIDATOR.iter_errors(json.loads((DATA / "recipes.json").read_text())))


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"titel": "T"}, ""),
        ({"title": ""}, "title"),
        ({"documents": []}, "documents"),
        ({"jupyter_port": 80}, "jupyter_port"),
        ({"requirements": REQUIREMENTS | {"architectures": ["riscv"]}}, "requirements.architectures.0"),
        ({"requirements": REQUIREMENTS | {"ubuntu": ["jammy"]}}, "requirements.ubuntu.0"),
        (
            {"requirements": REQUIREMENTS | {"compute_capability": {"min": 7.5, "max": None}}},
            "requirements.compute_capability",
        ),
        ({"image": {"x86_64": "ami-0123"}}, "image"),
        ({"parameters": {"a": PARAMETER | {"type": "Float"}}}, "parameters.a.type"),
        ({"parameters": {"a": PARAMETER | {"default": 1}}}, "parameters.a.default"),
        ({"parameters": {"a": "sharde"}}, "parameters.a"),
        ({"parameters": {"a": {"type": "String", "default": "x", "description": "D"}}}, "parameters.a"),
    ],
)
def test_schema_names_the_invalid_field(changes: dict[str, Any], where: str) -> None:
    data = build_entries(name="gpudesk-mine")
    data["recipes"]["mine"] |= changes
    (problem,) = VALIDATOR.iter_errors(data)
    assert ".".join(map(str, problem.absolute_path)) == f"recipes.mine.{where}".rstrip(".")


def test_values_are_filled_in_and_placeholders_of_gpudesk_remain() -> None:
    data = build_entries(parameters={"attemptId": "${attempt_id}", "release": "${a}", "notebooks": "${b}"})
    flag = {"type": "Boolean", "default": True, "description": "D"}
    data["recipes"]["mine"]["parameters"] = {"a": PARAMETER, "b": flag}
    (use,) = parse_recipes(data)["mine"].fill_documents({"a": "x9", "b": False})
    assert use.parameters == {"attemptId": "${attempt_id}", "release": "x9", "notebooks": "false"}


def test_recipes_refer_to_a_shared_parameter() -> None:
    data = build_entries() | {"parameters": {"a": PARAMETER}}
    data["recipes"]["mine"]["parameters"] = {"a": "shared"}
    data["recipes"]["other"] = data["recipes"]["mine"] | {"parameters": {"a": "shared", "b": PARAMETER}}
    parsed = parse_recipes(data)
    assert parsed["mine"].parameters["a"] == parsed["other"].parameters["a"] == parse_shared_parameters(data)["a"]
    data["recipes"]["mine"]["parameters"] = {"c": "shared"}
    with pytest.raises(InvalidRecipe, match=r"Recipe 'mine': no shared parameter is called c\. Shared parameters: a\."):
        parse_recipes(data)


def test_recipe_and_document_have_the_same_pattern_and_default() -> None:
    """Otherwise SSM would reject a value that gpudesk accepted, when the instance is already billed."""
    for name, packaged in data_files.load_packaged_recipes().items():
        for use in packaged.documents:
            accepted = copy_document(use.name)["parameters"]
            for ssm, text in use.parameters.items():
                if parameter := packaged.parameters.get(text.strip("${}")):
                    assert accepted[ssm]["allowedPattern"] == parameter.allowed_pattern, f"{name}: {ssm}"
                    assert accepted[ssm]["default"] == parameter.default, f"{name}: {ssm}"


def test_parameter_with_the_name_of_a_placeholder_is_invalid() -> None:
    data = build_entries()
    data["recipes"]["mine"]["parameters"] = {"gpu_count": PARAMETER}
    with pytest.raises(InvalidRecipe, match="gpudesk fills in gpu_count"):
        parse_recipes(data)


def test_placeholders_are_filled_in_and_other_text_is_unchanged() -> None:
    filled = build_document({"a": "x-${region}-${attempt_id}", "b": "plain"}).fill(
        {"region": "eu-west-1", "attempt_id": "a1"}
    )
    assert filled.parameters == {"a": "x-eu-west-1-a1", "b": "plain"}


def test_value_that_looks_like_a_placeholder_is_not_replaced() -> None:
    assert build_document({"a": "${region}"}).fill({"region": "${attempt_id}"}).parameters == {"a": "${attempt_id}"}


def test_placeholder_without_a_value_is_an_error() -> None:
    with pytest.raises(KeyError, match="region"):
        build_document({"a": "${region}"}).fill({})


@pytest.mark.parametrize("text", ["${owner}", "$region", "${region", "${}", "a$"])
def test_unknown_or_broken_placeholder_is_invalid(text: str) -> None:
    with pytest.raises(InvalidRecipe, match=r"mine.*a-document.*attemptId.*Use only .*\$\{region\}"):
        parse_recipes(build_entries(parameters={"attemptId": text}))


def test_missing_field_is_named() -> None:
    data = build_entries()
    del data["recipes"]["mine"]["title"]
    with pytest.raises(InvalidRecipe, match=r"'mine' lacks 'title'"):
        parse_recipes(data)


@pytest.mark.parametrize("name", sorted(data_files.load_packaged_recipes()))
def test_recipe_sets_required_and_only_known_parameters_of_its_documents(name: str) -> None:
    for use in data_files.load_packaged_recipes()[name].documents:
        accepted = copy_document(use.name)["parameters"]
        required = {parameter for parameter, entry in accepted.items() if "default" not in entry}
        assert required <= set(use.parameters) <= set(accepted)


@pytest.mark.parametrize("name", sorted(data_files.load_packaged_recipes()))
def test_timeout_of_a_document_covers_the_timeouts_of_its_steps(name: str) -> None:
    for use in data_files.load_packaged_recipes()[name].documents:
        steps = copy_document(use.name)["mainSteps"]
        limits = sum(int(step["inputs"]["timeoutSeconds"]) for step in steps)
        assert use.timeout >= timedelta(seconds=limits)


def test_every_placeholder_is_used_by_a_recipe() -> None:
    texts = " ".join(
        text
        for packaged_recipe in data_files.load_packaged_recipes().values()
        for use in packaged_recipe.documents
        for text in use.parameters.values()
    )
    assert all(f"${{{name}}}" in texts for name in PLACEHOLDERS)
