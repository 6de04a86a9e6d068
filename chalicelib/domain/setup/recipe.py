"""Recipes: which SSM documents make a bare image a place to work, in which order, with which parameters, and where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.catalog.instance_types import (
    InstanceType,
)
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.setup.parameters import (
    InvalidRecipe,
    Parameter,
    ParameterValue,
    parse_parameters,
    to_ssm_value,
)
from chalicelib.domain.setup.requirements import RecipeRequirements, parse_requirements

PLACEHOLDERS = frozenset({"attempt_id", "gpu_count", "heartbeat_key", "heartbeat_table", "region"})
"""What the desk fills in, written ${name} in a recipe: the id of this try to run the document; how many GPUs
nvidia-smi must list; the heartbeat's key, table, and the region of that table."""

SHARED_MARKER = "shared"
"""In place of a parameter: the one of that name that stands beside the recipes."""

_PLACEHOLDER = re.compile(r"\$\{([a-z0-9_]+)\}")


@dataclass(frozen=True)
class RecipeDocument:
    """One document of a recipe.

    :param name: the SSM document's
    :param parameters: as they go to SendCommand, placeholders not yet filled in
    :param timeout: how long all its steps together may take, script time; the attempt is dead past it
    """

    name: str
    parameters: Mapping[str, str]
    timeout: timedelta

    def fill(self, values: Mapping[str, str]) -> RecipeDocument:
        """Return the document with each placeholder in its parameters replaced by its value.

        Values are not filled in again, even if they look like a placeholder.

        :raises KeyError: a placeholder has no value
        """
        parameters = {
            name: _PLACEHOLDER.sub(lambda match: values[match.group(1)], text) for name, text in self.parameters.items()
        }
        return replace(self, parameters=parameters)


@dataclass(frozen=True)
class Recipe:
    """An ordered list of documents.

    :param title: a few words, for lists
    :param description: a sentence or two, for people who choose
    :param jupyter_port: the machine's own port on which its Jupyter listens; None where it has none
    :param requirements: where it can be used
    :param parameters: what people can choose, by name
    :param image: architecture -> the public SSM parameter of the image that it needs; None: the type's own
    :param extends: the recipe whose documents come first, of a team's own recipe
    """

    name: str
    title: str
    description: str
    documents: tuple[RecipeDocument, ...]
    jupyter_port: int | None
    requirements: RecipeRequirements
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    image: Mapping[str, str] | None = None
    extends: str | None = None

    def image_parameter_for(self, instance_type: InstanceType) -> str | None:
        """The public parameter of the image that a type is launched with; None where there is none."""
        return self.image.get(instance_type.arch) if self.image is not None else instance_type.image

    def skipped_steps_message(self, instance_type: InstanceType) -> str | None:
        """Return a message that the GPU steps are skipped on a type without a GPU; None if nothing is skipped."""
        if not self.requirements.skips_gpu_steps(instance_type):
            return None
        return f"{instance_type.name} has no GPU. Recipe {self.name} skips its GPU steps and computes on the CPU."

    def fill_documents(self, values: Mapping[str, ParameterValue]) -> tuple[RecipeDocument, ...]:
        """The documents with what was chosen filled in; the desk's own placeholders stay."""
        texts = {name: to_ssm_value(value) for name, value in values.items()}
        texts |= {name: f"${{{name}}}" for name in PLACEHOLDERS}
        return tuple(document.fill(texts) for document in self.documents)


def parse_recipes(data: Mapping[str, Any]) -> dict[str, Recipe]:
    """The recipes from their JSON, by name, in its order.

    :raises MalformedRecipe: one of them is none
    """
    shared = data.get("parameters", {})
    return {name: _parse_recipe(name, entry, shared) for name, entry in data["recipes"].items()}


def parse_shared_parameters(data: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters that stand beside the recipes, for several of them and for the documents.

    :raises MalformedRecipe: one of them is none
    """
    return parse_parameters(SHARED_MARKER, data.get("parameters", {}))


def find_jupyter_port(names: Iterable[str], recipes: Mapping[str, Recipe]) -> int | None:
    """Where Jupyter listens on a machine that was set up with these recipes, in this order; None where it has none."""
    ports = [recipes[name].jupyter_port for name in names if name in recipes]
    return next((port for port in reversed(ports) if port is not None), None)


def _parse_recipe(name: str, entry: Mapping[str, Any], shared: Mapping[str, Any]) -> Recipe:
    parameters = parse_parameters(name, _with_shared(name, entry.get("parameters", {}), shared))
    reserved = sorted(PLACEHOLDERS & set(parameters))
    if reserved:
        raise InvalidRecipe(f"recipe {name!r}: the desk itself fills in {', '.join(reserved)}; choose another name")
    try:
        return Recipe(
            name=name,
            title=entry["title"],
            description=entry["description"],
            documents=tuple(_parse_use(name, use, PLACEHOLDERS | set(parameters)) for use in entry["documents"]),
            jupyter_port=entry["jupyter_port"],
            requirements=parse_requirements(entry["requirements"]),
            parameters=parameters,
            image=entry.get("image"),
        )
    except KeyError as missing:
        raise InvalidRecipe(f"recipe {name!r} lacks {missing}") from missing


def _with_shared(recipe: str, entries: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    missing = [name for name, entry in entries.items() if entry == SHARED_MARKER and name not in shared]
    if missing:
        there = ", ".join(shared) or "nothing"
        raise InvalidRecipe(f"recipe {recipe!r}: {', '.join(missing)} is not shared; there is {there}")
    return {name: shared[name] if entry == SHARED_MARKER else entry for name, entry in entries.items()}


def _parse_use(recipe: str, entry: Mapping[str, Any], known: frozenset[str]) -> RecipeDocument:
    for parameter, text in entry["parameters"].items():
        unknown = set(_PLACEHOLDER.findall(text)) - known
        if unknown or "$" in _PLACEHOLDER.sub("", text):
            names = ", ".join(f"${{{each}}}" for each in sorted(known))
            raise InvalidRecipe(
                f"recipe {recipe!r}, {entry['name']}, {parameter}: {text!r}: only {names} are filled in"
            )
    return RecipeDocument(
        name=entry["name"],
        parameters=dict(entry["parameters"]),
        timeout=timedelta(minutes=entry["timeout_minutes"]),
    )


def unknown_recipe_error(name: str, recipes: Mapping[str, Recipe]) -> FieldError:
    """A recipe was named that there is not."""
    return FieldError("recipe", f"must be one of {', '.join(recipes)}, not {name[:40]!r}")
