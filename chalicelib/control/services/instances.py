"""What people want of an instance that is there: read, decided, written under the guard."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.control.loop.reconcile import load_channel_directory
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor, instance_not_found
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.policy_override import PolicyOverride
from chalicelib.domain.instances.commands import keep, stop_start, update_policy
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.desk import DeskRepository
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.owners import OwnerRepository


def load_visible(instances: InstanceRepository, actor: Actor, ref: str) -> Instance:
    """Load the instance that a request names, by its id, or by its name while it is not terminated.

    :raises NotFound: it does not exist, or the caller may not see it
    """
    instance = instances.load(ref)
    if instance is None:
        raise instance_not_found(ref)
    actor.check_access(instance.owner, ref)
    return instance


@dataclass(frozen=True)
class InstanceWithWarnings:
    """The instance after a write, and what the caller should know about the write."""

    instance: Instance
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InstanceService:
    """stop, start, DELETE, keep, PATCH: each sets what is desired; the loop does it."""

    instances: InstanceRepository
    desk: DeskRepository
    owners: OwnerRepository
    clock: Clock

    def stop(self, actor: Actor, ref: str) -> Instance:
        return self.apply(actor, ref, lambda instance: stop_start.request_stop(instance, actor, self.clock.now()))

    def start(self, actor: Actor, ref: str) -> Instance:
        self.desk.settings().require_not_paused("Instances can be started")
        return self.apply(actor, ref, lambda instance: stop_start.request_start(instance, actor, self.clock.now()))

    def terminate(self, actor: Actor, ref: str) -> Instance:
        return self.apply(
            actor, ref, lambda instance: stop_start.request_termination(instance, actor, self.clock.now())
        )

    def keep(self, actor: Actor, ref: str, *, hours: float | None, until: datetime | None) -> Instance:
        """Leave it running for `hours` from now, or until `until`."""
        limits = self.desk.settings().limits

        def kept(instance: Instance) -> RecordChange:
            now = self.clock.now()
            end = until or now + timedelta(hours=min(hours or 0, 10**5))
            try:
                return keep.request_keep(instance, end, actor, limits, now)
            except ValidationFailed as error:
                field = "until" if until else "hours"
                errors = tuple(FieldError(field, wrong.message) for wrong in error.errors)
                raise ValidationFailed(error.message, errors=errors) from error

        return self.apply(actor, ref, kept)

    def update_policy(self, actor: Actor, ref: str, request: PolicyOverride) -> Instance:
        """Change the policy of a living instance."""
        limits = self.desk.settings().limits
        return self.apply(
            actor, ref, lambda found: update_policy.update_policy(found, request, actor, limits, self.clock.now())
        )

    def apply(self, actor: Actor, ref: str, command: Callable[[Instance], RecordChange]) -> Instance:
        """Read, decide, write under the guard; what meets another write is decided again on what it became."""
        actor.owner_for_new()

        def apply_once() -> Instance:
            instance = load_visible(self.instances, actor, ref)
            change = command(instance)
            if change.instance == instance and not change.entries:
                return instance
            return self.instances.write(
                RecordWrite(
                    before=instance,
                    after=change.instance,
                    entries=tuple(change.entries),
                    notifications=self._notices(change),
                    user_write=True,
                )
            )

        return retry_user_write(f"Instance {ref}", apply_once)

    def _notices(self, change: RecordChange) -> tuple[Notification, ...]:
        """Most of what people do is no news to anybody; whom to tell is looked up only where it is."""
        if not any(entry.code.audience for entry in change.entries):
            return ()
        return build_notifications(
            change.instance, change.entries, load_channel_directory(self.desk.settings(), self.owners)
        )
