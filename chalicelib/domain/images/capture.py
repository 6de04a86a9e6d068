"""Decide what an image captures of the instance that it is created from."""

from collections.abc import Mapping

from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.domain.setup.state import AddedRecipe


def captured_recipes(instance: Instance, recipes: Mapping[str, Recipe]) -> tuple[AddedRecipe, ...]:
    """Return the added recipes whose documents have all succeeded on the instance.

    A recipe that failed is left out: it would also fail in every launch from the image.
    """
    succeeded = {result.name: result.succeeded for result in instance.setup.results}
    return tuple(
        added
        for added in instance.spec.software.added_recipes
        if added.recipe in recipes and all(succeeded.get(document.name) for document in recipes[added.recipe].documents)
    )
