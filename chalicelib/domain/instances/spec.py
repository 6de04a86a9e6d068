"""The spec of an instance: the complete request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import Recipe, RecipeDocument
from chalicelib.domain.setup.state import AddedRecipe


class DesiredState(StrEnum):
    """What the owner wants the instance to be."""

    RUNNING = "running"
    STOPPED = "stopped"
    TERMINATED = "terminated"


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """An image of the desk's that a launch comes from, as it was when it was asked for."""

    id: str
    name: str
    ami_id: str


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What was asked for, complete: nothing in it is left to a default that may change later.

    :param image: what it is launched from; None: the type's own public image
    :param nvidia_gpu_count: how many GPUs nvidia-smi must list; 0 on a Radeon and where there is no GPU
    :param instance_store_gb: disks that a stop empties
    :param parameters: of `recipe`, every one of them
    :param image_parameter: the public SSM parameter of the image that the recipe needs; None: the type's own
    :param added_recipes: further recipes, in the order in which they were first asked for
    """

    desired: DesiredState
    instance_type: str
    region: str
    recipe: str
    disk_gib: int
    gpu: str | None = None
    gpu_count: int = 0
    nvidia_gpu_count: int = 0
    instance_store_gb: int = 0
    market: str = "on-demand"
    image: ImageRef | None = None
    project: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    idle_policy: IdlePolicy = IdlePolicy()
    max_hours: int = 12
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    image_parameter: str | None = None
    added_recipes: tuple[AddedRecipe, ...] = ()

    @property
    def recipes(self) -> tuple[str, ...]:
        """By name: the one that it was launched with, then those that were added."""
        return (self.recipe, *(each.recipe for each in self.added_recipes))

    def parameters_of(self, recipe: str) -> Mapping[str, ParameterValue]:
        """What was chosen for a recipe; nothing for one that was not asked for."""
        if recipe == self.recipe:
            return self.parameters
        return next((each.parameters for each in self.added_recipes if each.recipe == recipe), {})


def documents_for_spec(spec: Spec, recipes: Mapping[str, Recipe]) -> tuple[RecipeDocument, ...]:
    """Of all its recipes that there are, in their order; what several of them run is run once."""
    uses: list[RecipeDocument] = []
    for name in (each for each in spec.recipes if each in recipes):
        uses += [use for use in recipes[name].documents_with(spec.parameters_of(name)) if use not in uses]
    return tuple(uses)
