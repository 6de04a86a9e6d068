"""Load the data files that are packaged with the code, each only once."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from chalicelib.domain.catalog.catalog_parsing import parse_document
from chalicelib.domain.catalog.document import CatalogDocument, build_catalog
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.instances.names import WordLists, parse_word_lists
from chalicelib.domain.offers.places import Place
from chalicelib.domain.setup.custom_recipe import parse_custom_recipe
from chalicelib.domain.setup.recipe import Recipe, parse_recipes

_DATA_FOLDER = Path(__file__).parent.parent / "data"

CATALOG_FILES = ("gpus", "families", "prices")


@functools.cache
def load_catalog() -> InstanceTypeCatalog:
    """Return the instance types that can be requested, with list prices."""
    return build_catalog(load_catalog_document())


@functools.cache
def load_catalog_document() -> CatalogDocument:
    """Return the content of the files of the catalog, into which `merge_refresh` merges what AWS says today."""
    return read_catalog_document(_DATA_FOLDER / "catalog")


def read_catalog_document(folder: Path) -> CatalogDocument:
    """Return the catalog in a folder: gpus.json, families.json and prices.json."""
    return parse_document({name: _read(f"{name}.json", folder) for name in CATALOG_FILES})


@functools.cache
def load_packaged_recipes() -> dict[str, Recipe]:
    """Return all recipes by name: those that ship with gpudesk first, then the team's custom recipes."""
    return load_recipes(_DATA_FOLDER)


def load_recipes(folder: Path) -> dict[str, Recipe]:
    """Return the recipes in a folder: those of its recipes.json, then one for each recipes/NAME/recipe.json.

    :raises MalformedRecipe: an entry is not a valid recipe
    """
    base = parse_recipes(_read("recipes.json", folder))
    custom = {path.parent.name: _read(path.name, path.parent) for path in sorted(folder.glob("recipes/*/recipe.json"))}
    return base | {name: parse_custom_recipe(name, entry, base) for name, entry in custom.items()}


@functools.cache
def load_time_zones() -> dict[str, Place]:
    """Return the main cities of IANA's time zones by the name of the zone."""
    zones = _read("time_zones.json")["zones"]
    return {name: Place(name, latitude, longitude) for name, (latitude, longitude) in zones.items()}


@functools.cache
def load_word_lists() -> WordLists:
    """Return the words that instance names are made of."""
    return parse_word_lists(_read("words.json"))


def _read(name: str, folder: Path = _DATA_FOLDER) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))
