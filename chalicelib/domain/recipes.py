"""Recipes: which SSM documents make a bare image a place to work, in which order, with which parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

PLACEHOLDERS = frozenset({"attempt_id", "gpu_count", "heartbeat_key", "heartbeat_table", "region"})
"""What the desk fills in, written ${name} in a recipe: the id of this try to run the document; how many GPUs
nvidia-smi must list; the heartbeat's key, table, and the region of that table."""

_PLACEHOLDER = re.compile(r"\$\{([a-z_]+)\}")


class MalformedRecipe(ValueError):
    """The recipe cannot be followed; the message says where and why."""


@dataclass(frozen=True)
class DocumentUse:
    """One document of a recipe.

    :param name: the SSM document's
    :param parameters: as they go to SendCommand, placeholders not yet filled in
    :param timeout: how long all its steps together may take, script time; the attempt is dead past it
    """

    name: str
    parameters: Mapping[str, str]
    timeout: timedelta


@dataclass(frozen=True)
class Recipe:
    """An ordered list of documents.

    :param title: a few words, for lists
    :param description: a sentence or two, for people who choose
    :param jupyter_port: the machine's own port on which its Jupyter listens; None where it has none
    """

    name: str
    title: str
    description: str
    documents: tuple[DocumentUse, ...]
    jupyter_port: int | None


def parse_recipes(data: Mapping[str, Any]) -> dict[str, Recipe]:
    """The recipes from their JSON, by name, in its order.

    :raises MalformedRecipe: one of them is none
    """
    return {name: _parse_recipe(name, entry) for name, entry in data["recipes"].items()}


def fill(parameters: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    """The parameters with each placeholder replaced by its value.

    :raises KeyError: a placeholder has no value
    """
    return {name: _PLACEHOLDER.sub(lambda match: values[match.group(1)], text) for name, text in parameters.items()}


def _parse_recipe(name: str, entry: Mapping[str, Any]) -> Recipe:
    try:
        return Recipe(
            name=name,
            title=entry["title"],
            description=entry["description"],
            documents=tuple(_parse_use(name, use) for use in entry["documents"]),
            jupyter_port=entry["jupyter_port"],
        )
    except KeyError as missing:
        raise MalformedRecipe(f"recipe {name!r} lacks {missing}") from missing


def _parse_use(recipe: str, entry: Mapping[str, Any]) -> DocumentUse:
    for parameter, text in entry["parameters"].items():
        unknown = set(_PLACEHOLDER.findall(text)) - PLACEHOLDERS
        if unknown or "$" in _PLACEHOLDER.sub("", text):
            known = ", ".join(f"${{{each}}}" for each in sorted(PLACEHOLDERS))
            raise MalformedRecipe(
                f"recipe {recipe!r}, {entry['name']}, {parameter}: {text!r}: only {known} are filled in"
            )
    return DocumentUse(
        name=entry["name"],
        parameters=dict(entry["parameters"]),
        timeout=timedelta(minutes=entry["timeout_minutes"]),
    )
