"""Read and change the settings of the desk."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Unpack

from chalicelib.control.services.desk_changes import DeskChanges, apply_changes
from chalicelib.control.services.settings_changes import (
    GetWebhookSecret,
    find_email_state,
    find_new_secret,
    merge_policy,
)
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.common.pagination import Page
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.changes import record_changes
from chalicelib.domain.desk.channels import ChannelDirectory, Recipient, validate_channels
from chalicelib.domain.desk.policy_limits import validate_policy
from chalicelib.domain.desk.policy_override import PolicyOverride, warn_if_lowered
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.launch.field_checks import MIN_DISK_GIB
from chalicelib.domain.launch.type_choice import check_region, list_allowed_regions
from chalicelib.domain.notifications.desk_notifications import build_desk_notification, build_webhook_welcome
from chalicelib.domain.notifications.email_subscription import EmailState
from chalicelib.domain.notifications.notification import DESK_ID, Notification
from chalicelib.domain.setup.recipe import Recipe, build_unknown_recipe_error
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True)
class DeskUpdate:
    """The settings after a change.

    :param webhook_secret: of a webhook that was set by this change; it is returned only this once
    :param warning: the default warning period became shorter, although the request does not name it
    """

    settings: DeskSettings
    webhook_secret: str | None
    warning: WriteWarning | None = None


@dataclass(frozen=True, kw_only=True)
class DeskService:
    """GET and PATCH /desk, and its timeline.

    :param allow_private_webhooks: accept URLs of this machine, for the local cloud
    :param regions: the regions in which gpudesk is set up
    :param log_group: the log group that instances may write to
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    get_webhook_secret: GetWebhookSecret
    allow_private_webhooks: bool
    regions: tuple[str, ...]
    log_group: str
    clock: Clock

    def get_settings(self) -> DeskSettings:
        """Return the current settings."""
        return self.stores.desk.get_settings()

    def find_email_state(self, settings: DeskSettings) -> EmailState | None:
        """Return whether the address of the admins is confirmed; None without an address."""
        return find_email_state(self.stores.desk, settings.channels)

    def update(self, actor: Actor, **changes: Unpack[DeskChanges]) -> DeskUpdate:
        """Change the settings. Admins only.

        :raises Forbidden: the caller is not an admin
        :raises ValidationFailed: a default exceeds its limit, or a value is unknown
        """
        actor.require_admin("change the desk settings")

        def update_once() -> DeskUpdate:
            before = self.stores.desk.get_settings()
            after = apply_changes(before, changes)
            errors = [*self._find_errors(after), *self._find_region_errors(before, after)]
            if errors:
                raise build_validation_error(errors)
            recipient = Recipient.of_desk(after.channels)
            secret = find_new_secret(recipient.name, before.channels, after.channels, self.get_webhook_secret)
            welcomes = [build_webhook_welcome(recipient, self.clock.now())] if secret else []
            saved = self._save(before, after, actor, welcomes) if after != before else before
            override = merge_policy(PolicyOverride(), (changes.get("defaults") or {}).get("idle_policy", {}))
            idle = before.defaults.idle_policy
            return DeskUpdate(
                saved, secret, warn_if_lowered(override, idle.warning_minutes, saved.defaults.idle_policy)
            )

        return retry_user_write("The desk settings", update_once)

    def list_timeline(self, *, limit: int, cursor: str | None) -> Page[TimelineEntry]:
        """Return a page of the changes of the settings, oldest first."""
        return self.stores.timelines.list_page(DESK_ID, limit=limit, cursor=cursor)

    def _save(
        self, before: DeskSettings, after: DeskSettings, actor: Actor, welcomes: Iterable[Notification]
    ) -> DeskSettings:
        now = self.clock.now()
        after, entries = record_changes(before, after, actor.name, now)
        directory = ChannelDirectory(admin=after.channels)
        notifications = (
            build_desk_notification(entry.code, entry.message, now, now, directory)
            for entry in entries
            if entry.code.audience
        )
        sent = [notification for notification in notifications if notification.deliveries]
        return self.stores.desk.save_settings(after, entries, [*sent, *welcomes])

    def _find_errors(self, settings: DeskSettings) -> Iterator[FieldError]:
        defaults, limits = settings.defaults, settings.limits
        for error in validate_policy(defaults.idle_policy, defaults.max_hours, limits):
            yield FieldError(f"defaults.{error.field}", error.message)
        if defaults.recipe not in self.recipes:
            yield build_unknown_recipe_error(defaults.recipe, self.recipes, "defaults.recipe")
        if defaults.disk_gib is not None and defaults.disk_gib > limits.disk_gib:
            yield FieldError(
                "defaults.disk_gib", f"must be {MIN_DISK_GIB} to {limits.disk_gib} GiB, not {defaults.disk_gib}"
            )
        for name in limits.signals:
            if name not in SIGNALS or limits.signals.count(name) > 1:
                message = f"must contain only {', '.join(SIGNALS)}, each once, not {name[:40]!r}"
                yield FieldError("limits.signals", message)
        if settings.log_group not in (None, self.log_group):
            message = f"must be {self.log_group}, which instances may write to, or null, not {settings.log_group}"
            yield FieldError("log_group", message)
        yield from validate_channels(settings.channels, allow_private=self.allow_private_webhooks)

    def _find_region_errors(self, before: DeskSettings, after: DeskSettings) -> Iterator[FieldError]:
        """Yield why the default region cannot be used, if this change is about regions.

        Otherwise a change of the deployment would block every other change, even that of the mode.
        """
        if (before.defaults.region, before.limits.regions) == (after.defaults.region, after.limits.regions):
            return
        allowed = list_allowed_regions(after.limits, self.catalog)
        error = check_region(after.defaults.region, allowed, self.regions, "defaults.region")
        if error:
            yield error
