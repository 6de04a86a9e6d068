"""From a team's own recipe, a folder with recipe.json, to the sources of its SSM document: checked, composed as ours.

What a recipe lists (packages, repositories) becomes files beside the scripts of custom/, which those read from
here-documents in which no shell expands anything.
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
from ssm_documents.parameters import SHARED, of_document

_SCRIPTS = Path(__file__).parent / "custom"
_DATA = Path(__file__).parent.parent / "chalicelib" / "data"

CUSTOM_RECIPES_DIR = _DATA / "recipes"
"""Where the folders are: packed with the code, so that the desk finds them in Lambda, too."""


def custom_document_names(recipes: Path = CUSTOM_RECIPES_DIR) -> tuple[str, ...]:
    """A document for each folder, sorted."""
    return tuple(sorted(f"{CUSTOM_DOCUMENT_PREFIX}{path.parent.name}" for path in recipes.glob("*/recipe.json")))


@contextmanager
def write_sources(document: str, recipes: Path = CUSTOM_RECIPES_DIR) -> Iterator[Path]:
    """A folder with document.json and its scripts, while it is needed.

    :raises FileNotFoundError: there is no such recipe, or its start script is missing
    :raises ValueError: it breaks the schema, or a rule of the desk's (MalformedRecipe)
    """
    source = recipes / document.removeprefix(CUSTOM_DOCUMENT_PREFIX)
    entry = json.loads((source / "recipe.json").read_text(encoding="utf-8"))
    recipe = validate(source.name, entry)
    steps = parse_custom_steps(source.name, entry)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        shutil.copytree(_SCRIPTS, folder, dirs_exist_ok=True)
        if steps.start:
            shutil.copy(source / steps.start, folder / "start.sh")
        _write_lists(folder, steps)
        header = json.dumps(_header(recipe, steps))
        (folder / "document.json").write_text(header, encoding="utf-8")
        yield folder


def validate(name: str, entry: Mapping[str, Any]) -> Recipe:
    """The recipe, after everything that can be wrong with it.

    :raises ValueError: with every problem that the schema finds, or the first of the desk's rules that it breaks
    """
    schema = json.loads((_DATA / "recipes.schema.json").read_text(encoding="utf-8"))
    own = {**schema["$defs"]["custom_recipe"], "$defs": schema["$defs"]}
    found = list(Draft202012Validator(own).iter_errors(entry))
    found += Draft202012Validator({**schema["$defs"]["recipe_name"]}).iter_errors(name)
    if found:
        lines = [f"{'.'.join(map(str, each.absolute_path)) or 'recipe.json'}: {each.message}" for each in found]
        raise ValueError(f"recipe {name!r}: {'; '.join(lines)}")
    ours = parse_recipes(json.loads((_DATA / "recipes.json").read_text(encoding="utf-8")))
    return parse_custom_recipe(name, entry, ours)


def _write_lists(folder: Path, steps: CustomSteps) -> None:
    lists = {
        "apt.txt": steps.apt,
        "pip.txt": steps.pip,
        "environment.txt": (steps.environment,),
        "git.txt": tuple(f"{each.url} {each.ref} {each.target_dir}" for each in steps.git),
    }
    for file, lines in lists.items():
        (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _header(recipe: Recipe, steps: CustomSteps) -> dict[str, Any]:
    """Checkouts and the start script are never skipped: a branch moves on, and what was started may have ended."""
    return {
        "schemaVersion": "2.2",
        "description": f"gpudesk: what the team's own recipe {recipe.name} adds to {recipe.extends}.",
        "parameters": {
            "attemptId": SHARED,
            "gpuCount": SHARED,
            **{to_ssm_name(parameter.name): of_document(parameter) for parameter in recipe.parameters.values()},
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
                    "always": step in ("git", "start"),
                },
            }
            for step, minutes in steps.timeout_minutes().items()
        ],
    }
