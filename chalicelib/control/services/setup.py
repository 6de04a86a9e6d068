"""Request a setup of an existing instance: its recipe again, or another recipe in addition."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.control.services.instances import InstanceService, InstanceWithWarnings
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.foreign.missing_profile import build_missing_profile_warning
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request
from chalicelib.domain.instances.commands.setup_request import build_setup_request
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.parameters import ParameterValue
from chalicelib.domain.setup.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class SetupService:
    """POST /instances/{name}/setup. It records the request; the control loop runs the documents."""

    instances: InstanceService
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]

    def run(
        self, actor: Actor, ref: str, *, recipe: str | None, parameters: Mapping[str, ParameterValue]
    ) -> InstanceWithWarnings:
        """Record the request for a setup.

        :param recipe: None: the recipe that failed, otherwise the recipe of the launch
        :param parameters: the others keep their values
        :returns: with a warning if the recipe skips its GPU steps, or if an adopted instance has no instance profile
        :raises ValidationFailed: there is no such recipe, it does not support the instance, or a parameter is wrong
        :raises Conflict: gpudesk is paused, or the instance cannot be set up now
        """
        self.instances.stores.desk.get_settings().require_not_paused("Instances can be set up")
        skipped_message: str | None = None

        def request_setup(instance: Instance) -> RecordChange:
            nonlocal skipped_message
            request = build_setup_request(instance, recipe, parameters, self.recipes, self.catalog)
            skipped_message = request.skipped_message
            return apply_setup_request(instance, request, actor, self.instances.clock.now())

        instance = self.instances.apply(actor, ref, request_setup)
        skipped = WriteWarning(WarningCode.GPU_STEPS_SKIPPED, skipped_message) if skipped_message else None
        return InstanceWithWarnings(instance, tuple(filter(None, (skipped, build_missing_profile_warning(instance)))))
