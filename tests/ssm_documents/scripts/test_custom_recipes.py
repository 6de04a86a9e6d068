"""Custom recipe of a team: its composed document, and the recipes that are refused."""

import re
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.setup.parameters import resolve_values
from chalicelib.store.data_files import load_recipes
from ssm_documents.check import check_document
from ssm_documents.compose import compose_custom
from ssm_documents.custom_recipes import list_custom_document_names
from tests.support.custom_recipes import DATA, EXAMPLES, VISION, change_example, copy_data_with_example


def test_example_passes_the_check_and_pins_the_package_versions_of_the_tests() -> None:
    document = compose_custom(VISION, EXAMPLES)
    assert check_document(document) == []
    assert [step["name"] for step in document["mainSteps"]] == [
        "apt_packages",
        "pip_packages",
        "git_checkouts",
        "start",
    ]
    assert document["parameters"]["pagePort"]["allowedPattern"] == "^87[0-9]{2}$"
    script = "\n".join(document["mainSteps"][1]["inputs"]["runCommand"])
    for package in ("ipykernel", "psutil"):
        assert f"{package}=={version(package)}" in script


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    return copy_data_with_example(tmp_path)


def test_documentation_shows_the_example() -> None:
    shown = Path("docs/recipes.md").read_text().partition("```json\n")[2].partition("```")[0]
    assert shown == (EXAMPLES / "vision" / "recipe.json").read_text()


def test_custom_recipes_come_after_those_of_gpudesk(recipes: Path) -> None:
    assert list_custom_document_names(recipes / "recipes") == (VISION,)
    offered = load_recipes(recipes)
    assert list(offered) == [*load_recipes(DATA), "vision"]
    vision, jupyter = offered["vision"], offered["jupyter"]
    assert [use.name for use in vision.documents] == ["gpudesk-probe", "gpudesk-jupyter", VISION]
    assert (vision.extends, vision.jupyter_port, vision.requirements) == ("jupyter", 8888, jupyter.requirements)
    values, _ = resolve_values({"page_port": 8710}, vision.parameters)
    use = vision.fill_documents(values)[-1]
    assert (use.parameters["attemptId"], use.parameters["gpuCount"]) == ("${attempt_id}", "${gpu_count}")
    assert use.parameters["pagePort"] == "8710"
    assert set(vision.parameters) == {*jupyter.parameters, "page_port"}
    document = compose_custom(VISION, recipes / "recipes")
    assert set(use.parameters) == set(document["parameters"])
    limits = sum(int(step["inputs"]["timeoutSeconds"]) for step in document["mainSteps"])
    assert use.timeout == timedelta(seconds=limits)


LOOSE_PARAMETER = {
    "type": "String",
    "default": "x",
    "allowed_pattern": "^.*$",
    "pattern_description": "any",
    "description": "D",
}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"apt": ["jq; id"]}, "apt.0: 'jq; id' does not match"),
        ({"apt": ["--yes"]}, "apt.0"),
        ({"pip": ["torch"]}, "pip.0: 'torch' does not match"),
        ({"pip": ["--index-url=https://example.org"]}, "pip.0"),
        ({"git": [{"url": "https://ada:pw@example.org/r", "ref": "main", "target_dir": "r"}]}, "git.0.url"),
        ({"git": [{"url": "https://example.org/r", "ref": "--upload-pack=id", "target_dir": "r"}]}, "git.0.ref"),
        ({"git": [{"url": "https://example.org/r", "ref": "main", "target_dir": "../r"}]}, "git.0.target_dir"),
        ({"environment": "/opt/../etc"}, "environment"),
        ({"start": "../page.sh"}, "start"),
        ({"start": "missing.sh"}, "missing.sh"),
        ({"titel": "T"}, "titel"),
        ({"extends": None}, "'extends' is a required property"),
        ({"extends": "conda"}, "extends must be one of bare, jupyter"),
        ({"apt": None, "pip": None, "git": None, "start": None}, "recipe.json"),
        ({"parameters": {"hf_token": LOOSE_PARAMETER | {"allowed_pattern": "^[a-z]$"}}}, "looks like a secret"),
        ({"parameters": {"colour": LOOSE_PARAMETER}}, r"allowed_pattern '^.*$' might match what a shell interprets"),
        (
            {"parameters": {"gpu_count": LOOSE_PARAMETER | {"allowed_pattern": "^[a-z]$"}}},
            "rename gpu_count. Recipe jupyter or gpudesk uses the same parameter name",
        ),
    ],
)
def test_invalid_recipe_is_refused_when_its_document_is_composed(
    recipes: Path, changes: dict[str, Any], problem: str
) -> None:
    change_example(recipes, **changes)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(problem)):
        compose_custom(VISION, recipes / "recipes")


def test_start_script_must_pass_the_check(recipes: Path) -> None:
    script = recipes / "recipes" / "vision" / "page.sh"
    script.write_text(script.read_text().replace("set -euo pipefail\n", ""))
    with pytest.raises(ValueError, match="step start lacks set -euo pipefail"):
        compose_custom(VISION, recipes / "recipes")


def test_custom_recipe_with_the_name_of_a_base_recipe_is_refused(recipes: Path) -> None:
    (recipes / "recipes" / "vision").rename(recipes / "recipes" / "bare")
    with pytest.raises(ValueError, match=r"gpudesk ships a recipe with this name"):
        load_recipes(recipes)


def test_start_script_must_include_the_prelude(recipes: Path) -> None:
    script = recipes / "recipes" / "vision" / "page.sh"
    script.write_text(script.read_text().replace("source include:prelude.sh\n", ""))
    with pytest.raises(ValueError, match=r"step start lacks the line: source include:prelude\.sh"):
        compose_custom(VISION, recipes / "recipes")
