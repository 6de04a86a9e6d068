"""Custom recipes: a team's own recipe.json in a folder, which extends a base recipe that ships with gpudesk.

Its packages, repositories and start script become one SSM document (`ssm_documents/custom_recipes.py`), which runs
after the documents of the base recipe. A custom recipe has the parameters of its base recipe, and at least its
requirements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.domain.common.text import join_and
from chalicelib.domain.setup.parameters import InvalidRecipe, parse_parameters
from chalicelib.domain.setup.recipe import PLACEHOLDERS, Recipe, RecipeDocument
from chalicelib.domain.setup.requirements import parse_requirements

CUSTOM_DOCUMENT_PREFIX = "gpudesk-custom-"
"""Prefix of the names of custom documents. The IAM policy of gpudesk allows documents with this prefix, and those of
gpudesk by name (`deploy/policies/commands.py`)."""

APT_TIMEOUT_MINUTES, PIP_TIMEOUT_MINUTES, GIT_TIMEOUT_MINUTES, START_TIMEOUT_MINUTES = 20, 40, 15, 10
"""Timeouts of the steps. They allow for slow mirrors and retries, and for downloads of 3 GB such as PyTorch."""


@dataclass(frozen=True)
class Checkout:
    """A public repository to clone.

    :param ref: branch, tag or commit
    :param target_dir: folder in /home/ubuntu/work
    """

    url: str
    ref: str
    target_dir: str


@dataclass(frozen=True)
class CustomSteps:
    """Steps that a custom recipe adds to its base recipe.

    :param environment: folder of the Python environment that pip installs into
    :param start: file name of the start script; None if there is none
    """

    apt: tuple[str, ...]
    pip: tuple[str, ...]
    environment: str
    git: tuple[Checkout, ...]
    start: str | None
    start_minutes: int

    def compute_timeout_minutes(self) -> dict[str, int]:
        """Return the timeout of each step that exists, in the order of the steps."""
        timeouts = {
            "apt_packages": APT_TIMEOUT_MINUTES if self.apt else 0,
            "pip_packages": PIP_TIMEOUT_MINUTES if self.pip else 0,
            "git_checkouts": GIT_TIMEOUT_MINUTES if self.git else 0,
            "start": self.start_minutes if self.start else 0,
        }
        return {step: minutes for step, minutes in timeouts.items() if minutes}


def parse_custom_recipe(name: str, entry: Mapping[str, Any], base_recipes: Mapping[str, Recipe]) -> Recipe:
    """Return the recipe of a folder.

    :param name: name of the folder
    :param base_recipes: the recipes that ship with gpudesk, by name
    :raises InvalidRecipe: the recipe is incomplete, or conflicts with a base recipe
    """
    if name in base_recipes:
        raise InvalidRecipe(f"Recipe {name!r}: gpudesk ships a recipe with this name. Rename the folder.")
    base = base_recipes.get(entry.get("extends", ""))
    if base is None:
        raise InvalidRecipe(f"Recipe {name!r}: extends must be one of {', '.join(base_recipes)}.")
    added = parse_parameters(name, entry.get("parameters", {}))
    taken = sorted((PLACEHOLDERS | set(base.parameters)) & set(added))
    if taken:
        raise InvalidRecipe(
            f"Recipe {name!r}: rename {join_and(taken)}. Recipe {base.name} or gpudesk uses the same parameter name."
        )
    parameters = {**base.parameters, **added}
    requirements = base.requirements
    try:
        if "requirements" in entry:
            requirements = requirements.intersect(parse_requirements(entry["requirements"]))
        return Recipe(
            name=name,
            title=entry["title"],
            description=entry["description"],
            documents=(*base.documents, _build_document(name, entry, tuple(parameters))),
            jupyter_port=entry.get("jupyter_port", base.jupyter_port),
            requirements=requirements,
            parameters=parameters,
            image=base.image,
            extends=base.name,
        )
    except KeyError as missing:
        raise InvalidRecipe(f"Recipe {name!r} lacks {missing}.") from missing


def parse_custom_steps(name: str, entry: Mapping[str, Any]) -> CustomSteps:
    """Return the steps of the document of a custom recipe.

    :raises KeyError: a field of a checkout is missing
    """
    return CustomSteps(
        apt=tuple(entry.get("apt", ())),
        pip=tuple(entry.get("pip", ())),
        environment=entry.get("environment", f"/opt/gpudesk/custom/{name}"),
        git=tuple(
            Checkout(checkout["url"], checkout["ref"], checkout["target_dir"]) for checkout in entry.get("git", ())
        ),
        start=entry.get("start"),
        start_minutes=entry.get("start_minutes", START_TIMEOUT_MINUTES),
    )


def to_ssm_name(parameter: str) -> str:
    """Return the name of a parameter in SSM, and after $SSM_ in a script: `dashboard_port` is dashboardPort."""
    first, *rest = parameter.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _build_document(name: str, entry: Mapping[str, Any], parameters: tuple[str, ...]) -> RecipeDocument:
    placeholders = {to_ssm_name(parameter): f"${{{parameter}}}" for parameter in parameters}
    return RecipeDocument(
        name=f"{CUSTOM_DOCUMENT_PREFIX}{name}",
        parameters={"attemptId": "${attempt_id}", "gpuCount": "${gpu_count}", **placeholders},
        timeout=timedelta(minutes=sum(parse_custom_steps(name, entry).compute_timeout_minutes().values())),
    )
