"""The data that is packed with the code, read once."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from chalicelib.domain.catalog.catalog_parsing import parse_catalog
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.instances.names import WordLists, parse_word_lists
from chalicelib.domain.setup.custom_recipe import parse_custom_recipe
from chalicelib.domain.setup.recipe import Recipe, parse_recipes

_FOLDER = Path(__file__).parent.parent / "data"


@functools.cache
def load_catalog() -> InstanceTypeCatalog:
    """What can be asked for, with list prices."""
    return parse_catalog(_read("catalog.json"))


@functools.cache
def load_packaged_recipes() -> dict[str, Recipe]:
    """All recipes by name: the desk's, then the teams' own."""
    return load_recipes(_FOLDER)


def load_recipes(folder: Path) -> dict[str, Recipe]:
    """The recipes of recipes.json in a folder, and those that each have a folder below recipes/.

    :raises MalformedRecipe: one of them is none
    """
    ours = parse_recipes(_read("recipes.json", folder))
    own = {path.parent.name: _read(path.name, path.parent) for path in sorted(folder.glob("recipes/*/recipe.json"))}
    return ours | {name: parse_custom_recipe(name, entry, ours) for name, entry in own.items()}


@functools.cache
def load_word_lists() -> WordLists:
    """What friendly names are made of."""
    return parse_word_lists(_read("words.json"))


def _read(name: str, folder: Path = _FOLDER) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))
