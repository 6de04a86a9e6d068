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
from chalicelib.domain.write_warnings import WarningCode, WriteWarning


@dataclass(frozen=True, kw_only=True)
class SettingUp:
    """One write; the loop runs the documents."""

    changing: Changing
    catalogue: Catalogue
    recipes: Mapping[str, Recipe]

    def set_up(self, actor: Actor, ref: str, *, recipe: str | None, parameters: Mapping[str, Value]) -> Granted:
        """Record the setup; warn if the GPU steps of the recipe are skipped."""
        if self.changing.desk.settings().mode is Mode.PAUSED:
            raise Conflict(
                "gpudesk is paused. Instances can be set up when an admin sets mode to enforce.",
                code=ErrorCode.DESK_PAUSED,
            )
        skipped: list[str | None] = []

        def wanted(found: Instance) -> Wanted:
            what = further_setup(found, recipe, parameters, self.recipes, self.catalogue)
            skipped.append(what.skipped)
            return set_up(found, what, actor, self.changing.clock.now())

        instance = self.changing.change(actor, ref, wanted)
        messages = [skipped[-1]] if skipped[-1] else []
        return Granted(instance, tuple(WriteWarning(WarningCode.GPU_STEPS_SKIPPED, each) for each in messages))
