"""POST /instances/{name}/setup: a recipe again, or another one, on an instance that is ready."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.control.requests.changing import Changing
from chalicelib.control.requests.launching import Granted
from chalicelib.domain.actors import Actor
from chalicelib.domain.catalogue import Catalogue
from chalicelib.domain.desk import Mode
from chalicelib.domain.errors import Conflict, ErrorCode
from chalicelib.domain.further_setup import further_setup, set_up
from chalicelib.domain.instance import Instance
from chalicelib.domain.recipe_parameters import Value
from chalicelib.domain.recipes import Recipe
from chalicelib.domain.wishes import Wanted


@dataclass(frozen=True, kw_only=True)
class SettingUp:
    """One write; the loop runs the documents."""

    changing: Changing
    catalogue: Catalogue
    recipes: Mapping[str, Recipe]

    def set_up(self, actor: Actor, ref: str, *, recipe: str | None, parameters: Mapping[str, Value]) -> Granted:
        """The instance, and what of the recipe its type has no use for."""
        if self.changing.desk.settings().mode is Mode.HOLD:
            raise Conflict(
                "the desk is on hold: nothing is set up until an admin sets its mode", code=ErrorCode.DESK_PAUSED
            )
        skipped: list[str | None] = []

        def wanted(found: Instance) -> Wanted:
            what = further_setup(found, recipe, parameters, self.recipes, self.catalogue)
            skipped.append(what.skipped)
            return set_up(found, what, actor, self.changing.clock.now())

        return Granted(self.changing.change(actor, ref, wanted), skipped[-1])
