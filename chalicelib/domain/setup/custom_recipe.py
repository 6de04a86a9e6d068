"""A team's own recipe: recipe.json of a folder, which builds on one of the desk's and adds to it.

Its packages, repositories and start script become one SSM document (`ssm_documents/own_recipes.py`), which runs after
those of the recipe that it builds on. What can be chosen there can be chosen here, and where that fits this may fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.domain.setup.parameters import InvalidRecipe, parse_parameters
from chalicelib.domain.setup.recipe import PLACEHOLDERS, Recipe, RecipeDocument
from chalicelib.domain.setup.requirements import parse_requirements

CUSTOM_DOCUMENT_PREFIX = "gpudesk-custom-"
"""Of the documents' names; the desk may send those that begin so, and its own by name (`.chalice/policy-dev.json`)."""

APT_TIMEOUT_MINUTES, PIP_TIMEOUT_MINUTES, GIT_TIMEOUT_MINUTES, START_TIMEOUT_MINUTES = 20, 40, 15, 10
"""How long each step may take: a few slow mirrors and their retries; PyTorch and the like are 3 GB."""


@dataclass(frozen=True)
class Checkout:
    """A public repository, its branch, tag or commit, and its folder in /home/ubuntu/work."""

    url: str
    ref: str
    target_dir: str


@dataclass(frozen=True)
class CustomSteps:
    """What a folder adds.

    :param environment: the folder of the Python environment that pip installs into
    :param start: the script's file name; None where there is none
    """

    apt: tuple[str, ...]
    pip: tuple[str, ...]
    environment: str
    git: tuple[Checkout, ...]
    start: str | None
    start_minutes: int

    def timeout_minutes(self) -> dict[str, int]:
        """How long each step may take, of those that there are, in order."""
        there = {
            "apt": APT_TIMEOUT_MINUTES if self.apt else 0,
            "pip": PIP_TIMEOUT_MINUTES if self.pip else 0,
            "git": GIT_TIMEOUT_MINUTES if self.git else 0,
            "start": self.start_minutes if self.start else 0,
        }
        return {step: minutes for step, minutes in there.items() if minutes}


def parse_custom_recipe(name: str, entry: Mapping[str, Any], ours: Mapping[str, Recipe]) -> Recipe:
    """The recipe as the desk offers it.

    :param ours: the desk's own recipes, on which it can build
    :raises MalformedRecipe: it is none
    """
    if name in ours:
        raise InvalidRecipe(f"recipe {name!r}: the desk has one of that name; rename the folder")
    base = ours.get(entry.get("extends", ""))
    if base is None:
        raise InvalidRecipe(f"recipe {name!r}: extends must be one of {', '.join(ours)}")
    added = parse_parameters(name, entry.get("parameters", {}))
    taken = sorted((PLACEHOLDERS | set(base.parameters)) & set(added))
    if taken:
        raise InvalidRecipe(f"recipe {name!r}: {', '.join(taken)} is a parameter of {base.name}'s or of the desk's")
    parameters = {**base.parameters, **added}
    try:
        return Recipe(
            name=name,
            title=entry["title"],
            description=entry["description"],
            documents=(*base.documents, _document(name, entry, tuple(parameters))),
            jupyter_port=entry.get("jupyter_port", base.jupyter_port),
            requirements=base.requirements.intersect(parse_requirements(entry["requirements"]))
            if "requirements" in entry
            else base.requirements,
            parameters=parameters,
            image=base.image,
            extends=base.name,
        )
    except KeyError as missing:
        raise InvalidRecipe(f"recipe {name!r} lacks {missing}") from missing


def parse_custom_steps(name: str, entry: Mapping[str, Any]) -> CustomSteps:
    """What the document of the folder is to do.

    :raises KeyError: a checkout lacks something
    """
    return CustomSteps(
        apt=tuple(entry.get("apt", ())),
        pip=tuple(entry.get("pip", ())),
        environment=entry.get("environment", f"/opt/gpudesk/custom/{name}"),
        git=tuple(Checkout(each["url"], each["ref"], each["target_dir"]) for each in entry.get("git", ())),
        start=entry.get("start"),
        start_minutes=entry.get("start_minutes", START_TIMEOUT_MINUTES),
    )


def to_ssm_name(parameter: str) -> str:
    """As SSM knows it, and a script as $SSM_...: `dashboard_port` is dashboardPort."""
    first, *rest = parameter.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _document(name: str, entry: Mapping[str, Any], parameters: tuple[str, ...]) -> RecipeDocument:
    chosen = {to_ssm_name(parameter): f"${{{parameter}}}" for parameter in parameters}
    return RecipeDocument(
        name=f"{CUSTOM_DOCUMENT_PREFIX}{name}",
        parameters={"attemptId": "${attempt_id}", "gpuCount": "${gpu_count}", **chosen},
        timeout=timedelta(minutes=sum(parse_custom_steps(name, entry).timeout_minutes().values())),
    )
