"""Decide what a launch inherits from its image: the parameters and the added recipes."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.common.text import join_and
from chalicelib.domain.images.record import Image
from chalicelib.domain.images.selection import find_skippable_documents
from chalicelib.domain.instances.spec import Spec, collect_documents
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.setup.parameters import format_values, resolve_values
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.state import AddedRecipe


@dataclass(frozen=True)
class InheritedRecipes:
    """The added recipes that a launch inherits from its image.

    :param left_out_messages: one sentence for each added recipe of the image that is not inherited
    """

    added: tuple[AddedRecipe, ...] = ()
    left_out_messages: tuple[str, ...] = ()


def inherit_recipes(
    image: Image, recipe: Recipe, instance_type: InstanceType, recipes: Mapping[str, Recipe]
) -> InheritedRecipes:
    """Inherit the added recipes of the image if the launch uses the recipe of the image.

    :param recipe: the recipe of the launch
    """
    added: list[AddedRecipe] = []
    left_out: list[str] = []
    for candidate in image.added_recipes:
        if candidate.recipe == recipe.name:
            continue
        reason = _find_inheritance_problem(candidate, image, recipe, instance_type, recipes)
        if reason:
            left_out.append(f"Added recipe {candidate.recipe} of the image is not inherited: {reason}.")
        else:
            parameters, _ = resolve_values({}, recipes[candidate.recipe].parameters, candidate.parameters)
            added.append(AddedRecipe(recipe=candidate.recipe, parameters=parameters))
    return InheritedRecipes(tuple(added), tuple(left_out))


def _find_inheritance_problem(
    candidate: AddedRecipe, image: Image, recipe: Recipe, instance_type: InstanceType, recipes: Mapping[str, Recipe]
) -> str | None:
    if recipe.name != image.recipe:
        return f"the launch uses recipe {recipe.name}, and the image was created with recipe {image.recipe}"
    added = recipes.get(candidate.recipe)
    if added is None:
        return "this recipe no longer exists"
    _, errors = resolve_values({}, added.parameters, candidate.parameters)
    return added.requirements.find_incompatibility(instance_type, image.source.base_image_parameter) or next(
        (f"{error.field} {error.message}" for error in errors), None
    )


def describe_launch_from_image(
    request: LaunchRequest, spec: Spec, image: Image, recipes: Mapping[str, Recipe], inherited: InheritedRecipes
) -> str:
    """Describe the image, what is inherited from it, and which documents are skipped."""
    parts = []
    parameters = _find_inherited_parameters(request, spec, recipes)
    if parameters:
        parts.append(f"the parameters {format_values(parameters)}")
    if inherited.added:
        names = join_and(added.recipe for added in inherited.added)
        parts.append(f"the added recipe{'s' if len(inherited.added) > 1 else ''} {names}")
    origin = f"Launched from image {image.name} ({image.id})"
    sentences = [f"{origin} with {join_and(parts)}." if parts else f"{origin}."]
    skippable = find_skippable_documents(image, collect_documents(spec, recipes))
    if skippable:
        seconds = sum(skippable.values())
        sentences.append(
            f"gpudesk skips unchanged documents of the image: {', '.join(skippable)}. This saves about {seconds} s."
        )
    else:
        sentences.append("No document of the image can be skipped, so the whole setup runs.")
    return " ".join([*sentences, *inherited.left_out_messages])


def _find_inherited_parameters(
    request: LaunchRequest, spec: Spec, recipes: Mapping[str, Recipe]
) -> Mapping[str, str | int | bool]:
    """Return the parameters that neither the request nor the defaults of the recipe explain."""
    known = recipes[spec.software.recipe].parameters
    return {
        name: value
        for name, value in spec.software.parameters.items()
        if name not in request.parameters and name in known and value != known[name].default
    }
