"""Show the GPU instances that gpudesk does not manage, and record requests to adopt one. Admins only."""

from dataclasses import dataclass

from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.choices import describe_choices
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import (
    Conflict,
    ErrorCode,
    FieldError,
    NotFound,
    ValidationFailed,
    build_validation_error,
)
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.settings import build_paused_warning
from chalicelib.domain.foreign.adoption import Adoption, AdoptionList, AdoptionState
from chalicelib.domain.foreign.inventory import Inventory
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class AdoptionStatus:
    """An adoption, and whether the sweep has created the record."""

    adoption: Adoption
    has_record: bool
    warning: WriteWarning | None = None


@dataclass(frozen=True, kw_only=True)
class ForeignInstanceService:
    """GET /foreign-instances, POST /instances/adopt and GET /adoptions/{instance_id}.

    :param regions: the regions in which gpudesk is deployed: the sweep finds adopted instances there only
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    regions: tuple[str, ...]
    clock: Clock

    def get_inventory(self, actor: Actor) -> Inventory:
        """Return the foreign instances as they were last listed.

        :raises Forbidden: the caller is not an admin
        """
        actor.require_admin("list the GPU instances of the whole account")
        return self.stores.foreign_instances.get()

    def request_adoption(self, actor: Actor, instance_id: str, region: str | None, owner: str) -> AdoptionStatus:
        """Record that an instance is to be adopted. The same request returns the recorded one.

        :param region: None: the region in which the instance was last listed
        :raises Forbidden: the caller is not an admin
        :raises ValidationFailed: the region is unknown, or gpudesk is not deployed there
        :raises Conflict: gpudesk manages the instance already
        """
        actor.require_admin("adopt instances")
        region = self._find_region(instance_id, region)
        now = self.clock.now()
        requested = Adoption(
            instance_id=instance_id,
            region=region,
            owner=owner,
            requested_by=actor.name,
            requested_at=now,
            state_at=now,
            message=f"gpudesk checks {instance_id} within two minutes.",
        )
        if self.stores.instances.load(requested.record_id):
            message = f"gpudesk manages {instance_id} already: GET /instances/{requested.record_id} shows it."
            raise Conflict(message, code=ErrorCode.ALREADY_MANAGED)

        def decide(current: AdoptionList) -> Adoption | None:
            known = current.find(instance_id)
            is_open = known is not None and known.state is not AdoptionState.REFUSED
            return None if is_open and known and (known.region, known.owner) == (region, owner) else requested

        stored = retry_user_write(f"The adoption of {instance_id}", lambda: self.stores.adoptions.update(decide))
        adoption = stored or self.stores.adoptions.get().find(instance_id) or requested
        mode = self.stores.desk.get_settings().mode
        return AdoptionStatus(adoption=adoption, has_record=False, warning=build_paused_warning(mode, "adoption"))

    def get_adoption(self, actor: Actor, instance_id: str) -> AdoptionStatus:
        """Return the adoption of an EC2 instance.

        :raises Forbidden: the caller is not an admin
        :raises NotFound: nobody has requested it, or it was decided long ago
        """
        actor.require_admin("see adoptions")
        adoption = self.stores.adoptions.get().find(instance_id)
        if adoption is None:
            message = f"No adoption of {instance_id[:60]!r} was found. POST /instances/adopt requests one."
            raise NotFound(message, code=ErrorCode.ADOPTION_NOT_FOUND)
        record = self.stores.instances.load(adoption.record_id)
        return AdoptionStatus(adoption=adoption, has_record=record is not None)

    def _find_region(self, instance_id: str, region: str | None) -> str:
        if region is None:
            listed = self.stores.foreign_instances.get().find(instance_id)
            if listed is None:
                error = FieldError("region", f"is required, because GET /foreign-instances does not list {instance_id}")
                raise build_validation_error([error])
            region = listed.region
        if region not in self.regions:
            choices = describe_choices(sorted(self.regions), region)
            error = FieldError("region", f"must be a region in which gpudesk is deployed: {choices}, not {region!r}")
            raise ValidationFailed(f"gpudesk is not deployed in {region}, so it cannot adopt there.", errors=(error,))
        return region
