"""The data that is packed with the code, read once."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from chalicelib.domain.catalogue import Catalogue, parse_catalogue
from chalicelib.domain.names import Words, parse_words
from chalicelib.domain.recipes import Recipe, parse_recipes

_FOLDER = Path(__file__).parent.parent / "data"


@functools.cache
def catalogue() -> Catalogue:
    """What can be asked for, with list prices."""
    return parse_catalogue(_read("catalogue.json"))


@functools.cache
def recipes() -> dict[str, Recipe]:
    """All recipes by name."""
    return parse_recipes(_read("recipes.json"))


@functools.cache
def words() -> Words:
    """What friendly names are made of."""
    return parse_words(_read("words.json"))


def _read(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text(encoding="utf-8"))
