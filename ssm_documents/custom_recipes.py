"""Document sources for custom recipes: from a folder with recipe.json to document.json and its scripts.

The packages and repositories that a recipe lists become files beside the scripts of custom/. The scripts read them from
quoted here-documents, in which the shell expands nothing.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from chalicelib.domain.setup.custom_recipe import (
    CUSTOM_DOCUMENT_PREFIX,
    CustomSteps,
    parse_custom_recipe,
    parse_custom_steps,
    to_ssm_name,
)
from chalicelib.domain.setup.recipe import Recipe, parse_recipes
from ssm_documents.parameters import SHARED, to_document_parameter

_SCRIPTS = Path(__file__).parent / "custom"
_DATA = Path(__file__).parent.parent / "chalicelib" / "data"

CUSTOM_RECIPES_DIR = _DATA / "recipes"
"""The folder of the custom recipes. It is deployed with the code, so gpudesk reads it in Lambda, too."""


def list_custom_document_names(recipes: Path = CUSTOM_RECIPES_DIR) -> tuple[str, ...]:
    """Return the document names of all custom recipes, sorted."""
    return tuple(sorted(f"{CUSTOM_DOCUMENT_PREFIX}{path.parent.name}" for path in recipes.glob("*/recipe.json")))


@contextmanager
def write_sources(document: str, recipes: Path = CUSTOM_RECIPES_DIR) -> Iterator[Path]:
    """Write document.json and its scripts into a temporary folder and yield that folder.

    :raises FileNotFoundError: no recipe has that name, or its start script is missing
    :raises ValueError: the recipe breaks the schema or a rule of gpudesk (MalformedRecipe)
    """
    source = recipes / document.removeprefix(CUSTOM_DOCUMENT_PREFIX)
    entry = json.loads((source / "recipe.json").read_text(encoding="utf-8"))
    recipe = validate_recipe(source.name, entry)
    steps = parse_custom_steps(source.name, entry)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(_SCRIPTS, folder, dirs_exist_ok=True)
        if steps.start:
            shutil.copy(source / steps.start, folder / "start.sh")
        _write_lists(folder, steps)
        header = json.dumps(_build_header(recipe, steps))
        (folder / "document.json").write_text(header, encoding="utf-8")
        yield folder


def validate_recipe(name: str, entry: Mapping[str, Any]) -> Recipe:
    """Return the recipe that recipe.json describes.

    :raises ValueError: with all violations of the schema, or with the first violated rule of gpudesk
    """
    schema = json.loads((_DATA / "recipes.schema.json").read_text(encoding="utf-8"))
    custom_schema = {**schema["$defs"]["custom_recipe"], "$defs": schema["$defs"]}
    violations = list(Draft202012Validator(custom_schema).iter_errors(entry))
    violations += Draft202012Validator({**schema["$defs"]["recipe_name"]}).iter_errors(name)
    if violations:
        lines = [
            f"{'.'.join(map(str, violation.absolute_path)) or 'recipe.json'}: {violation.message}"
            for violation in violations
        ]
        raise ValueError(f"recipe {name!r}: {'; '.join(lines)}")
    base_recipes = parse_recipes(json.loads((_DATA / "recipes.json").read_text(encoding="utf-8")))
    return parse_custom_recipe(name, entry, base_recipes)


def _write_lists(folder: Path, steps: CustomSteps) -> None:
    lists = {
        "apt.txt": steps.apt,
        "pip.txt": steps.pip,
        "environment.txt": (steps.environment,),
        "git.txt": tuple(f"{checkout.url} {checkout.ref} {checkout.target_dir}" for checkout in steps.git),
    }
    for file, lines in lists.items():
        (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _build_header(recipe: Recipe, steps: CustomSteps) -> dict[str, Any]:
    """Return document.json. Git and start steps always run: branches move on, and a started service may have ended."""
    return {
        "schemaVersion": "2.2",
        "description": f"gpudesk: custom recipe {recipe.name}, in addition to recipe {recipe.extends}.",
        "parameters": {
            "attemptId": SHARED,
            "gpuCount": SHARED,
            **{
                to_ssm_name(parameter.name): to_document_parameter(parameter)
                for parameter in recipe.parameters.values()
            },
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": step,
                "precondition": {"StringEquals": ["platformType", "Linux"]},
                "inputs": {
                    "onFailure": "exit",
                    "timeoutSeconds": str(minutes * 60),
                    "script": f"{step}.sh",
                    "always": step in ("git_checkouts", "start"),
                },
            }
            for step, minutes in steps.compute_timeout_minutes().items()
        ],
    }
