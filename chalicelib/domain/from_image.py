"""What an image takes along of an instance, and a launch takes over from the image: recipes, and what was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chalicelib.domain.asks import LaunchAsk, documents_of
from chalicelib.domain.catalogue import InstanceType
from chalicelib.domain.images import Image, saved
from chalicelib.domain.instance import AddedRecipe, Instance, Spec
from chalicelib.domain.recipe_parameters import chosen, in_words
from chalicelib.domain.recipes import Recipe


@dataclass(frozen=True)
class TakenOver:
    """A spec with what it inherits from the image, and a message about that."""

    spec: Spec
    message: str


def taken_along(instance: Instance, recipes: Mapping[str, Recipe]) -> tuple[AddedRecipe, ...]:
    """The recipes that were added to it, as far as all that they run has ended well.

    One that failed would fail every launch from the image.
    """
    ended = {result.name: result.succeeded for result in instance.setup.results}
    return tuple(
        each
        for each in instance.spec.added
        if each.recipe in recipes and all(ended.get(use.name) for use in recipes[each.recipe].documents)
    )


def taken_over(
    spec: Spec, ask: LaunchAsk, image: Image, kind: InstanceType, recipes: Mapping[str, Recipe]
) -> TakenOver:
    """What was added there comes along where the launch is of the image's own recipe; what cannot is left out.

    :param spec: complete, of a launch from the image
    """
    added: list[AddedRecipe] = []
    left_out: list[str] = []
    for each in (other for other in image.added if other.recipe != spec.recipe):
        why = _why_not(each, spec, image, kind, recipes)
        if why:
            left_out.append(f"Recipe {each.recipe}, which was added there, is not inherited: {why}.")
        else:
            values, _ = chosen({}, recipes[each.recipe].parameters, each.parameters)
            added.append(AddedRecipe(recipe=each.recipe, parameters=values))
    spec = replace(spec, added=tuple(added))
    return TakenOver(spec, " ".join([_in_words(spec, ask, image, recipes), *left_out]))


def _why_not(
    added: AddedRecipe, spec: Spec, image: Image, kind: InstanceType, recipes: Mapping[str, Recipe]
) -> str | None:
    if spec.recipe != image.recipe:
        return f"{spec.recipe} was asked for, and the image is of {image.recipe}"
    recipe = recipes.get(added.recipe)
    if recipe is None:
        return "there is no such recipe any more"
    _, wrong = chosen({}, recipe.parameters, added.parameters)
    return recipe.fits.why_not(kind, image.base) or next((f"{each.field} {each.message}" for each in wrong), None)


def _in_words(spec: Spec, ask: LaunchAsk, image: Image, recipes: Mapping[str, Recipe]) -> str:
    """Describe the image, the inherited parameters and recipes, and the documents that are skipped."""
    known = recipes[spec.recipe].parameters
    there = {
        name: value
        for name, value in spec.parameters.items()
        if name not in ask.parameters and name in known and value != known[name].default
    }
    inherited = [f"the parameters {in_words(there)}"] if there else []
    if spec.added:
        names = _and([each.recipe for each in spec.added])
        inherited.append(f"the added recipe{'s' if len(spec.added) > 1 else ''} {names}")
    origin = f"Launched from image {image.name} ({image.id})"
    origin += f" with {_and(inherited)}." if inherited else "."
    spared = saved(image, documents_of(spec, recipes))
    if not spared:
        return f"{origin} It contains no document that {_and(spec.recipes)} runs."
    return f"{origin} Skipped unless changed since: {', '.join(spared)}. This saves about {sum(spared.values())} s."


def _and(names: tuple[str, ...] | list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
