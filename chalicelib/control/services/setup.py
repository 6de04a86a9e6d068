"""POST /instances/{name}/setup: a recipe again, or another one, on an instance that is ready."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.control.services.instances import InstanceService, InstanceWithWarnings
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request, build_setup_request
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class SetupService:
    """One write; the loop runs the documents."""

    instances: InstanceService
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]

    def run(
        self, actor: Actor, ref: str, *, recipe: str | None, parameters: Mapping[str, ParameterValue]
    ) -> InstanceWithWarnings:
        """Record the setup; warn if the GPU steps of the recipe are skipped."""
        self.instances.desk.settings().require_not_paused("Instances can be set up")
        skipped: list[str | None] = []

        def wanted(found: Instance) -> RecordChange:
            what = build_setup_request(found, recipe, parameters, self.recipes, self.catalog)
            skipped.append(what.skipped_message)
            return apply_setup_request(found, what, actor, self.instances.clock.now())

        instance = self.instances.apply(actor, ref, wanted)
        messages = [skipped[-1]] if skipped[-1] else []
        return InstanceWithWarnings(
            instance, tuple(WriteWarning(WarningCode.GPU_STEPS_SKIPPED, message) for message in messages)
        )
