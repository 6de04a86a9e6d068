"""Start a stopped instance as a person requests it: with a wait for capacity, or in another size."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.control.services.instances import InstanceService
from chalicelib.control.size_finder import SizeFinder
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.lookup_errors import UnknownType
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.instances.capacity_wait import check_wait_until
from chalicelib.domain.instances.commands.start_options import StartOptions, is_waiting_to_start
from chalicelib.domain.instances.hardware import find_rates
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.launch.start_excess import find_start_excess
from chalicelib.domain.offers.size_change import SizeContext, list_type_problems


@dataclass(frozen=True, kw_only=True)
class StartService:
    """POST /instances/{name}/start. It records the request; the control loop calls EC2."""

    instances: InstanceService
    sizes: SizeFinder
    catalog: InstanceTypeCatalog

    def start(self, actor: Actor, ref: str, *, wait_until: datetime | None, instance_type: str | None) -> Instance:
        """Record that the instance is to be started.

        :param wait_until: how long to wait for capacity; None: for `START_DEADLINE`
        :param instance_type: the type that it gets before; None: the one that it has
        :raises ValidationFailed: the time or the type is not possible
        :raises Conflict: gpudesk is paused, the instance is terminating, has failed or runs in another size, or a
            quota of EC2 is exceeded
        """
        errors = check_wait_until(wait_until, self.instances.clock.now())
        if errors:
            raise build_validation_error(errors)
        options = StartOptions(wait_until=wait_until, instance_type=self._find_name(instance_type))
        return self.instances.start(actor, ref, options, prepare=self._complete)

    def _find_name(self, instance_type: str | None) -> str | None:
        try:
            return self.catalog.get_type(instance_type).name if instance_type else None
        except UnknownType as error:
            raise build_validation_error([FieldError("instance_type", str(error))]) from error

    def _complete(self, instance: Instance, options: StartOptions) -> StartOptions:
        """Return the options with the price of the requested type, if the instance can start with it.

        :raises ValidationFailed: it cannot have the type, with every reason
        :raises Conflict: it needs more of a quota than is free
        """
        present, requested = instance.spec.hardware.instance_type, options.instance_type
        is_changed = requested not in (None, present)
        is_requested = instance.spec.desired is DesiredState.RUNNING and not is_changed
        if is_requested or not (is_changed or is_waiting_to_start(instance)):
            return options
        context = self.sizes.load_context(instance.spec.region)
        if is_changed:
            self._require_type(instance, requested or "", context)
        excess = find_start_excess(instance, requested or present, context)
        if excess:
            raise excess.build_conflict()
        if not is_changed:
            return options
        spec = instance.spec
        return replace(options, rates=find_rates(requested or "", spec.region, spec.priced_disk_gib, self.catalog))

    def _require_type(self, instance: Instance, name: str, context: SizeContext) -> None:
        problems = [*list_type_problems(instance, self.catalog.types[name], context)]
        if problems:
            raise build_validation_error([FieldError("instance_type", problem) for problem in problems])
