"""What an image takes along of an instance, and a launch takes over from the image: recipes, and what was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.common.text import join_and
from chalicelib.domain.images.record import Image, skippable_documents
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Spec, collect_documents
from chalicelib.domain.launch.request import LaunchRequest
from chalicelib.domain.setup.parameters import format_values, resolve_values
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.state import AddedRecipe


@dataclass(frozen=True)
class InheritedSpec:
    """A spec with what it inherits from the image, and a message about that."""

    spec: Spec
    message: str


def recipes_captured_in_image(instance: Instance, recipes: Mapping[str, Recipe]) -> tuple[AddedRecipe, ...]:
    """The recipes that were added to it, as far as all that they run has ended well.

    One that failed would fail every launch from the image.
    """
    ended = {result.name: result.succeeded for result in instance.setup.results}
    return tuple(
        added_recipe
        for added_recipe in instance.spec.software.added_recipes
        if added_recipe.recipe in recipes and all(ended.get(use.name) for use in recipes[added_recipe.recipe].documents)
    )


def inherit_from_image(
    spec: Spec, request: LaunchRequest, image: Image, instance_type: InstanceType, recipes: Mapping[str, Recipe]
) -> InheritedSpec:
    """What was added there comes along where the launch is of the image's own recipe; what cannot is left out.

    :param spec: complete, of a launch from the image
    """
    added: list[AddedRecipe] = []
    left_out: list[str] = []
    for each in (other for other in image.added_recipes if other.recipe != spec.software.recipe):
        why = _why_not(each, spec, image, instance_type, recipes)
        if why:
            left_out.append(f"Recipe {each.recipe}, which was added there, is not inherited: {why}.")
        else:
            values, _ = resolve_values({}, recipes[each.recipe].parameters, each.parameters)
            added.append(AddedRecipe(recipe=each.recipe, parameters=values))
    spec = replace(spec, software=replace(spec.software, added_recipes=tuple(added)))
    return InheritedSpec(spec, " ".join([_in_words(spec, request, image, recipes), *left_out]))


def _why_not(
    added: AddedRecipe, spec: Spec, image: Image, instance_type: InstanceType, recipes: Mapping[str, Recipe]
) -> str | None:
    if spec.software.recipe != image.recipe:
        return f"{spec.software.recipe} was asked for, and the image is of {image.recipe}"
    recipe = recipes.get(added.recipe)
    if recipe is None:
        return "there is no such recipe any more"
    _, wrong = resolve_values({}, recipe.parameters, added.parameters)
    return recipe.requirements.incompatibility(instance_type, image.source.base_image_parameter) or next(
        (f"{each.field} {each.message}" for each in wrong), None
    )


def _in_words(spec: Spec, request: LaunchRequest, image: Image, recipes: Mapping[str, Recipe]) -> str:
    """Describe the image, the inherited parameters and recipes, and the documents that are skipped."""
    known = recipes[spec.software.recipe].parameters
    there = {
        name: value
        for name, value in spec.software.parameters.items()
        if name not in request.parameters and name in known and value != known[name].default
    }
    inherited = [f"the parameters {format_values(there)}"] if there else []
    if spec.software.added_recipes:
        names = join_and([added_recipe.recipe for added_recipe in spec.software.added_recipes])
        inherited.append(f"the added recipe{'s' if len(spec.software.added_recipes) > 1 else ''} {names}")
    origin = f"Launched from image {image.name} ({image.id})"
    origin += f" with {join_and(inherited)}." if inherited else "."
    spared = skippable_documents(image, collect_documents(spec, recipes))
    if not spared:
        return f"{origin} It contains no document that {join_and(spec.software.recipes)} runs."
    return f"{origin} Skipped unless changed since: {', '.join(spared)}. This saves about {sum(spared.values())} s."
