"""Views of /recipes."""

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import ParameterTypeText
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.setup.compute_capability import ComputeCapabilityRange
from chalicelib.domain.setup.parameters import Parameter
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.requirements import list_compatible_gpus


class RecipeParameterView(TypedDict):
    """A parameter of a recipe. `pattern_description`: the text that follows "must be" in an error."""

    name: str
    type: ParameterTypeText
    default: str | int | bool
    allowed_pattern: str
    pattern_description: str
    description: str


class ComputeCapabilityView(TypedDict):
    """A range of CUDA compute capabilities; null: no limit. `reason`: why the recipe has this range."""

    min: str | None
    max: str | None
    reason: str | None


class ComputeCapabilitiesView(ComputeCapabilityView):
    """A range of compute capabilities; `by_architecture` replaces it on instances of that architecture."""

    by_architecture: dict[str, ComputeCapabilityView]


class RequirementsView(TypedDict):
    """The instances on which a recipe can be used.

    `supports_cpu`: whether the recipe can be used on a type without a GPU, where its GPU steps are skipped.
    `compatible_gpus`: the GPUs of the catalog that meet the requirements, in any region.
    """

    architectures: list[str]
    ubuntu: list[str]
    compute_capability: ComputeCapabilitiesView | None
    supports_cpu: bool
    compatible_gpus: list[str]


class RecipeView(TypedDict):
    """A recipe: the SSM documents that set up an instance. `jupyter`: whether they install Jupyter.

    `image`: the public SSM parameter of the required image, by architecture; null: the default of the instance type.
    `extends`: the base recipe of a custom recipe.
    """

    name: str
    title: str
    description: str
    documents: list[str]
    jupyter: bool
    parameters: list[RecipeParameterView]
    requirements: RequirementsView
    image: dict[str, str] | None
    extends: str | None


def to_recipe_view(recipe: Recipe, catalog: InstanceTypeCatalog) -> RecipeView:
    """Return the view of a recipe, with the GPUs of the catalog that it supports."""
    return {
        "name": recipe.name,
        "title": recipe.title,
        "description": recipe.description,
        "documents": [document.name for document in recipe.documents],
        "jupyter": recipe.jupyter_port is not None,
        "parameters": [_to_parameter_view(parameter) for parameter in recipe.parameters.values()],
        "requirements": {
            "architectures": list(recipe.requirements.architectures),
            "ubuntu": list(recipe.requirements.ubuntu),
            "compute_capability": _to_capabilities_view(recipe.requirements.compute_capability),
            "supports_cpu": recipe.requirements.supports_cpu,
            "compatible_gpus": list_compatible_gpus(recipe.requirements, recipe.get_image_parameter, catalog),
        },
        "image": dict(recipe.image) if recipe.image is not None else None,
        "extends": recipe.extends,
    }


def _to_parameter_view(parameter: Parameter) -> RecipeParameterView:
    return {
        "name": parameter.name,
        "type": str(parameter.type),
        "default": parameter.default,
        "allowed_pattern": parameter.allowed_pattern,
        "pattern_description": parameter.pattern_description,
        "description": parameter.description,
    }


def _to_capabilities_view(capability: ComputeCapabilityRange | None) -> ComputeCapabilitiesView | None:
    if capability is None:
        return None
    by_architecture = {
        architecture: _to_capability_view(range_there)
        for architecture, range_there in capability.by_architecture.items()
    }
    return {**_to_capability_view(capability), "by_architecture": by_architecture}


def _to_capability_view(capability: ComputeCapabilityRange) -> ComputeCapabilityView:
    return {"min": capability.minimum, "max": capability.maximum, "reason": capability.reason}
