"""Recipes: the SSM documents that set up an instance, in order, with their parameters and requirements."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.common.accepted_values import describe_accepted_values
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.text import join_and
from chalicelib.domain.setup.parameters import (
    InvalidRecipe,
    Parameter,
    ParameterValue,
    parse_parameters,
    to_ssm_value,
)
from chalicelib.domain.setup.requirements import RecipeRequirements, parse_requirements

PLACEHOLDERS = frozenset({"attempt_id", "gpu_count", "gpu_name", "heartbeat_key", "heartbeat_table", "region"})
"""Placeholders that gpudesk fills in when it sends a document. A recipe contains them as ${name}. They are the id of
the attempt, the number and the name of the GPUs that nvidia-smi must list, and the key, the table and the region of the
heartbeat."""

SHARED_MARKER = "shared"
"""Value of a recipe's parameter that is defined once for several recipes, in `parameters` of recipes.json."""

_PLACEHOLDER = re.compile(r"\$\{([a-z0-9_]+)\}")


@dataclass(frozen=True)
class RecipeDocument:
    """One SSM document of a recipe.

    :param name: name of the document in SSM
    :param parameters: parameters for SendCommand, with placeholders
    :param timeout: limit for all steps of the document together, on the clock of the script
    """

    name: str
    parameters: Mapping[str, str]
    timeout: timedelta

    def fill(self, values: Mapping[str, str]) -> RecipeDocument:
        """Return the document with the value of each placeholder in its parameters.

        Text in a value that looks like a placeholder is not replaced.

        :raises KeyError: a placeholder has no value
        """
        parameters = {
            name: _PLACEHOLDER.sub(lambda match: values[match.group(1)], text) for name, text in self.parameters.items()
        }
        return replace(self, parameters=parameters)


@dataclass(frozen=True)
class Recipe:
    """An ordered list of documents with their parameters.

    :param title: a few words, for lists
    :param description: one or two sentences, for people who choose a recipe
    :param jupyter_port: port of Jupyter on the instance; None: the recipe installs no Jupyter
    :param parameters: parameters that people can set, by name
    :param image: public SSM parameter of the required image, by architecture; None: the image of the instance type
    :param extends: name of the base recipe; None unless this is a custom recipe
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

    def get_image_parameter(self, instance_type: InstanceType) -> str | None:
        """Return the public SSM parameter of the image for a type; None if there is none for its architecture."""
        return self.image.get(instance_type.arch) if self.image is not None else instance_type.image

    def describe_skipped_steps(self, instance_type: InstanceType) -> str | None:
        """Return a message that the GPU steps are skipped on a type without a GPU; None if nothing is skipped."""
        if not self.requirements.skips_gpu_steps(instance_type):
            return None
        return f"{instance_type.name} has no GPU. Recipe {self.name} skips its GPU steps and computes on the CPU."

    def fill_documents(self, values: Mapping[str, ParameterValue]) -> tuple[RecipeDocument, ...]:
        """Return the documents with the values of the recipe's parameters. The PLACEHOLDERS remain."""
        texts = {name: to_ssm_value(value) for name, value in values.items()}
        texts |= {name: f"${{{name}}}" for name in PLACEHOLDERS}
        return tuple(document.fill(texts) for document in self.documents)


def parse_recipes(data: Mapping[str, Any]) -> dict[str, Recipe]:
    """Return the recipes of recipes.json by name, in its order.

    :raises InvalidRecipe: a recipe is incomplete or contradicts itself
    """
    shared = data.get("parameters", {})
    return {name: _parse_recipe(name, entry, shared) for name, entry in data["recipes"].items()}


def parse_shared_parameters(data: Mapping[str, Any]) -> dict[str, Parameter]:
    """Return the shared parameters of recipes.json. SSM documents include them too.

    :raises InvalidRecipe: a parameter is incomplete or not safe
    """
    return parse_parameters(SHARED_MARKER, data.get("parameters", {}))


def find_jupyter_port(names: Iterable[str], recipes: Mapping[str, Recipe]) -> int | None:
    """Return the port of Jupyter on an instance; None if no recipe installs Jupyter.

    :param names: recipes in the order in which they were set up. The last one with a port counts.
    """
    ports = [recipes[name].jupyter_port for name in names if name in recipes]
    return next((port for port in reversed(ports) if port is not None), None)


def build_unknown_recipe_error(name: str, recipes: Collection[str], field: str = "recipe") -> FieldError:
    """Return the error of a field that names a recipe that does not exist.

    :param recipes: the names of all recipes
    """
    return FieldError(field, f"must be one of {describe_accepted_values(tuple(recipes), name)}, not {name[:40]!r}")


def _parse_recipe(name: str, entry: Mapping[str, Any], shared: Mapping[str, Any]) -> Recipe:
    parameters = parse_parameters(name, _include_shared(name, entry.get("parameters", {}), shared))
    reserved = sorted(PLACEHOLDERS & set(parameters))
    if reserved:
        raise InvalidRecipe(f"Recipe {name!r}: gpudesk fills in {join_and(reserved)}. Choose another parameter name.")
    try:
        return Recipe(
            name=name,
            title=entry["title"],
            description=entry["description"],
            documents=tuple(
                _parse_document(name, document, PLACEHOLDERS | set(parameters)) for document in entry["documents"]
            ),
            jupyter_port=entry["jupyter_port"],
            requirements=parse_requirements(entry["requirements"]),
            parameters=parameters,
            image=entry.get("image"),
        )
    except KeyError as missing:
        raise InvalidRecipe(f"Recipe {name!r} lacks {missing}.") from missing


def _include_shared(recipe: str, entries: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """Replace each shared marker by the definition of the shared parameter."""
    missing = [name for name, entry in entries.items() if entry == SHARED_MARKER and name not in shared]
    if missing:
        raise InvalidRecipe(
            f"Recipe {recipe!r}: no shared parameter is called {join_and(missing)}. Shared parameters: "
            f"{', '.join(shared) or 'none'}."
        )
    return {name: shared[name] if entry == SHARED_MARKER else entry for name, entry in entries.items()}


def _parse_document(recipe: str, entry: Mapping[str, Any], known: frozenset[str]) -> RecipeDocument:
    """Return a document of a recipe.

    :param known: names of all placeholders: those of gpudesk and the parameters of the recipe
    """
    for parameter, text in entry["parameters"].items():
        unknown = set(_PLACEHOLDER.findall(text)) - known
        if unknown or "$" in _PLACEHOLDER.sub("", text):
            names = ", ".join(f"${{{name}}}" for name in sorted(known))
            raise InvalidRecipe(
                f"Recipe {recipe!r}, document {entry['name']}, parameter {parameter}: {text!r} contains an unknown "
                f"placeholder. Use only {names}."
            )
    return RecipeDocument(
        name=entry["name"],
        parameters=dict(entry["parameters"]),
        timeout=timedelta(minutes=entry["timeout_minutes"]),
    )
