"""Change existing instances on request: load the record, apply a command, write the change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.control.channel_directory import load_channel_directory
from chalicelib.control.services.budgets import BudgetService
from chalicelib.control.services.unreadable_records import hide_unreadable
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.control.start_outlooks import StartOutlooks
from chalicelib.domain.access.actor import Actor, build_instance_not_found_error
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import FieldError, ValidationFailed
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.policy_override import PolicyOverride, warn_if_lowered
from chalicelib.domain.foreign.missing_profile import build_missing_profile_warning
from chalicelib.domain.instances.commands import keep, stop_start, update_policy
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.commands.consequences import is_stop_ahead
from chalicelib.domain.instances.commands.start_options import StartOptions
from chalicelib.domain.instances.expected_run import build_expected_run
from chalicelib.domain.instances.names import is_valid_name
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.notification import Notification
from chalicelib.store.budget_guards import BudgetGuard
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.repositories import Repositories

MAX_REPRESENTABLE_HOURS = 10**5
"""About 11 years: a longer keep would exceed the limit anyway, and much longer ones exceed what `datetime` can hold."""


def load_visible(instances: InstanceRepository, actor: Actor, ref: str) -> Instance:
    """Load the instance that a request names: by its id, or by its name.

    A name that only terminated instances have leads to the newest of them, among those that the caller may see.

    :raises NotFound: it does not exist, or the caller may not see it
    :raises ValidationFailed: a bot does not name an owner
    :raises UnreadableItem: its record cannot be read
    """
    owner = actor.resolve_owner_for_list()
    with hide_unreadable(actor, build_instance_not_found_error(ref)):
        instance = instances.load(ref)
    if (instance is None or not actor.can_access(instance.owner)) and is_valid_name(ref):
        instance = instances.find_newest_terminated(ref, owner)
    if instance is None:
        raise build_instance_not_found_error(ref)
    actor.check_access(instance.owner, ref)
    return instance


@dataclass(frozen=True)
class InstanceWithWarnings:
    """The instance after a write, with remarks for the caller."""

    instance: Instance
    warnings: tuple[WriteWarning, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InstanceService:
    """POST .../stop, .../start and .../keep, PATCH and DELETE. Each records a request; the control loop calls EC2."""

    stores: Repositories
    clock: Clock
    budgets: BudgetService

    def stop(self, actor: Actor, ref: str) -> Instance:
        """Record that the instance is to be stopped.

        :raises Conflict: it is terminating, or has not been launched yet
        """
        return self.apply(actor, ref, lambda instance: stop_start.request_stop(instance, actor, self.clock.now()))

    def start(
        self,
        actor: Actor,
        ref: str,
        options: StartOptions = stop_start.NO_OPTIONS,
        prepare: Callable[[Instance, StartOptions], StartOptions] = lambda _, options: options,
    ) -> Instance:
        """Record that the instance is to be started.

        :param prepare: completes the options for the instance; raises RequestError if it cannot have them
        :raises Conflict: gpudesk is paused, the instance is terminating, has failed or runs in another size, or a
            budget has not enough left
        """
        self.stores.desk.get_settings().require_not_paused("Instances can be started")

        def request_start(instance: Instance) -> RecordChange:
            return stop_start.request_start(instance, actor, self.clock.now(), prepare(instance, options))

        return self.apply(actor, ref, request_start)

    def terminate(self, actor: Actor, ref: str) -> Instance:
        """Record that the instance is to be terminated."""
        return self.apply(
            actor, ref, lambda instance: stop_start.request_termination(instance, actor, self.clock.now())
        )

    def describe_start_outlook(self, instance: Instance) -> str:
        """Return whether EC2 may refuse a start after the requested stop; empty: nothing is known, or no stop."""
        outlooks = StartOutlooks(self.stores.capacity.get)
        return outlooks.describe(instance, self.clock.now()) if is_stop_ahead(instance) else ""

    def keep(self, actor: Actor, ref: str, *, hours: float | None, until: datetime | None) -> Instance:
        """Keep the instance running until a time. Exactly one of `hours` and `until` is given.

        :param hours: from now
        :raises ValidationFailed: the keep is longer than the limit, or ends in the past
        """
        limits = self.stores.desk.get_settings().limits

        def request_keep(instance: Instance) -> RecordChange:
            now = self.clock.now()
            end = until or now + timedelta(hours=min(hours or 0, MAX_REPRESENTABLE_HOURS))
            try:
                return keep.request_keep(instance, end, actor, limits, now)
            except ValidationFailed as error:
                field = "until" if until else "hours"
                errors = tuple(FieldError(field, field_error.message) for field_error in error.errors)
                raise ValidationFailed(error.message, errors=errors) from error

        return self.apply(actor, ref, request_keep)

    def update_policy(self, actor: Actor, ref: str, override: PolicyOverride) -> InstanceWithWarnings:
        """Change the policy of the instance.

        :param override: the fields to change; None: the field stays
        :returns: with a warning if the change shortened the warning period, and if gpudesk cannot run the hook
        :raises ValidationFailed: the policy exceeds the limits
        """
        limits = self.stores.desk.get_settings().limits
        lowered: WriteWarning | None = None

        def change_policy(instance: Instance) -> RecordChange:
            nonlocal lowered
            change = update_policy.update_policy(instance, override, actor, limits, self.clock.now())
            before, after = instance.spec.policy.idle, change.instance.spec.policy.idle
            lowered = warn_if_lowered(override, before.warning_minutes, after)
            return change

        instance = self.apply(actor, ref, change_policy)
        unreachable = build_missing_profile_warning(instance) if override.before_stop_hook else None
        return InstanceWithWarnings(instance, tuple(filter(None, (lowered, unreachable))))

    def apply(self, actor: Actor, ref: str, command: Callable[[Instance], RecordChange]) -> Instance:
        """Load the instance, apply a command and write the change. After a version conflict, repeat all three steps.

        :param command: returns the changed record and its timeline entries; it may be called several times
        :raises NotFound: the instance does not exist, or the caller may not see it
        :raises Conflict: the command refuses, or all attempts conflicted with other writes
        """
        actor.require_owner()

        def apply_once() -> Instance:
            instance = load_visible(self.stores.instances, actor, ref)
            change = command(instance)
            if change.instance == instance and not change.entries:
                return instance
            return self.stores.instances.write(
                RecordWrite(
                    before=instance,
                    after=change.instance,
                    entries=tuple(change.entries),
                    notifications=self._build_notifications(change),
                    guards=self._reserve_budgets(instance, change.instance),
                    is_user_write=True,
                )
            )

        return retry_user_write(f"Instance {ref}", apply_once)

    def preview(self, actor: Actor, ref: str, command: Callable[[Instance], RecordChange]) -> Instance:
        """Return the instance as a command would change it. Nothing is written.

        :param command: as for `apply`
        :raises NotFound: the instance does not exist, or the caller may not see it
        :raises Conflict: the command refuses, or a budget has not enough left
        """
        actor.require_owner()
        instance = load_visible(self.stores.instances, actor, ref)
        change = command(instance)
        self._reserve_budgets(instance, change.instance)
        return change.instance

    def _reserve_budgets(self, before: Instance, after: Instance) -> tuple[BudgetGuard, ...]:
        """Return the guards of the budgets that a start or a move fits; none if the change starts nothing.

        :raises Conflict: a budget has not enough left
        """
        expected = build_expected_run(before, after)
        if expected is None:
            return ()
        return self.budgets.reserve(expected, self.stores.owners.get(after.owner), self.stores.desk.get_settings())

    def _build_notifications(self, change: RecordChange) -> tuple[Notification, ...]:
        """Build the notifications about a change. Channels are read only if there is somebody to notify."""
        if not any(entry.code.audience for entry in change.entries):
            return ()
        directory = load_channel_directory(self.stores.desk.get_settings(), self.stores.owners)
        return build_notifications(change.instance, change.entries, directory)
