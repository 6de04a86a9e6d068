"""Show the GPU instances that gpudesk does not manage, and record requests to adopt one. Admins only."""

from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.control.services.settings_changes import find_email_state
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.accepted_values import describe_accepted_values
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
from chalicelib.domain.foreign.adoption import Adoption, AdoptionList, AdoptionState, find_conflict
from chalicelib.domain.foreign.inventory import Inventory
from chalicelib.domain.notifications.channel_warnings import (
    select_owner_channels,
    warn_if_unreachable,
    warn_if_unset,
)
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class AdoptionStatus:
    """An adoption, and whether the sweep has created the record."""

    adoption: Adoption
    has_record: bool
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ForeignInstanceService:
    """GET /foreign-instances, POST /instances/adopt and GET /adoptions/{instance_id}.

    :param regions: the regions in which gpudesk is deployed: the sweep finds adopted instances there only
    :param permission_tag: the key and the value of the tag by which an admin of the account allows an adoption
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    regions: tuple[str, ...]
    permission_tag: tuple[str, str]
    clock: Clock

    def get_inventory(self, actor: Actor) -> Inventory:
        """Return the foreign instances as they were last listed.

        :raises Forbidden: the caller is not an admin
        """
        actor.require_admin("list the GPU instances of the whole account")
        return self.stores.foreign_instances.get()

    def request_adoption(self, actor: Actor, instance_id: str, region: str | None, owner: str) -> AdoptionStatus:
        """Record that an instance is to be adopted. The same request returns the recorded one.

        An owner can be any name, as at a launch. The warnings say if nobody would be notified.

        :param region: None: the region in which the instance was last listed
        :raises Forbidden: the caller is not an admin
        :raises ValidationFailed: the region is unknown, or gpudesk is not deployed there
        :raises Conflict: gpudesk manages the instance already, or its adoption for another owner is in progress
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
            if conflict := find_conflict(known, requested, self.permission_tag):
                raise Conflict(conflict, code=ErrorCode.ADOPTION_IN_PROGRESS)
            return requested if known is None or known.state is AdoptionState.REFUSED else None

        stored = retry_user_write(f"The adoption of {instance_id}", lambda: self.stores.adoptions.update(decide))
        adoption = stored or self.stores.adoptions.get().find(instance_id) or requested
        return AdoptionStatus(adoption=adoption, has_record=False, warnings=tuple(self._list_warnings(owner)))

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

    def _list_warnings(self, owner: str) -> Iterator[WriteWarning]:
        desk, settings = self.stores.desk.get_settings(), self.stores.owners.get(owner)
        state = find_email_state(self.stores.desk, select_owner_channels(settings, desk))
        no_channel = warn_if_unset(settings, desk) or warn_if_unreachable(settings, desk, state)
        yield from filter(None, (build_paused_warning(desk.mode, "adoption"), no_channel))

    def _find_region(self, instance_id: str, region: str | None) -> str:
        if region is None:
            listed = self.stores.foreign_instances.get().find(instance_id)
            if listed is None:
                error = FieldError("region", f"is required, because GET /foreign-instances does not list {instance_id}")
                raise build_validation_error([error])
            region = listed.region
        if region not in self.regions:
            choices = describe_accepted_values(sorted(self.regions), region)
            error = FieldError("region", f"must be a region in which gpudesk is deployed: {choices}, not {region!r}")
            raise ValidationFailed(f"gpudesk is not deployed in {region}, so it cannot adopt there.", errors=(error,))
        return region
