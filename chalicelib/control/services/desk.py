"""The desk's own settings."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.control.services.owners import SecretFor, merge_channels, merge_policy, webhook_secret_if_new
from chalicelib.control.services.user_writes import retry_user_write
from chalicelib.domain.access.actor import Actor
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.desk.channels import validate_channels
from chalicelib.domain.desk.policy_limits import validate_policy
from chalicelib.domain.desk.policy_override import PolicyOverride, apply_override
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.store.desk import DeskRepository


@dataclass(frozen=True)
class DeskUpdate:
    """What was set.

    :param webhook_secret: of a webhook that was set just now; it is shown this once
    """

    settings: DeskSettings
    webhook_secret: str | None


@dataclass(frozen=True, kw_only=True)
class DeskService:
    """GET and PATCH /desk."""

    desk: DeskRepository
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    secrets: SecretFor
    webhooks_may_be_local: bool

    def settings(self) -> DeskSettings:
        """As they stand."""
        return self.desk.settings()

    def update(
        self,
        actor: Actor,
        *,
        mode: Mode | None = None,
        defaults: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        channels: Mapping[str, Any] | None = None,
        logs: Mapping[str, str | None] | None = None,
    ) -> DeskUpdate:
        """An admin's; what is not named stays.

        :param defaults: fields of Defaults; `idle_policy` as a mapping
        :param limits: fields of Ceilings; `min_thresholds` as a mapping
        :param channels: fields of Channels, null for none
        :param logs: `log_group`, null for none
        """
        actor.require_admin()

        def update_once() -> DeskUpdate:
            before = self.desk.settings()
            settings = _changed(before, mode, defaults or {}, limits or {}, channels or {})
            settings = replace(settings, log_group=(logs or {}).get("log_group", settings.log_group))
            self._check_settings(settings)
            saved = self.desk.save_settings(settings)
            return DeskUpdate(saved, webhook_secret_if_new("desk", before.channels, saved.channels, self.secrets))

        return retry_user_write("The desk", update_once)

    def _check_settings(self, settings: DeskSettings) -> None:
        defaults, limits = settings.defaults, settings.limits
        errors = [
            FieldError(f"defaults.{error.field}", error.message)
            for error in validate_policy(defaults.idle_policy, defaults.max_hours, limits)
        ]
        allowed = limits.regions or self.catalog.list_regions()
        if defaults.region not in allowed:
            errors.append(FieldError("defaults.region", f"must be one of {', '.join(allowed)}"))
        if defaults.recipe not in self.recipes:
            errors.append(FieldError("defaults.recipe", f"must be one of {', '.join(self.recipes)}"))
        if defaults.disk_gib > limits.disk_gib:
            errors.append(FieldError("defaults.disk_gib", f"must be at most {limits.disk_gib} GiB, the limit"))
        errors += [
            FieldError("limits.signals", f"must be of {', '.join(SIGNALS)}, each once, not {name[:40]!r}")
            for name in limits.signals
            if name not in SIGNALS or limits.signals.count(name) > 1
        ]
        errors += validate_channels(settings.channels, may_be_local=self.webhooks_may_be_local)
        if errors:
            raise build_validation_error(errors)


def _changed(
    settings: DeskSettings,
    mode: Mode | None,
    defaults: Mapping[str, Any],
    limits: Mapping[str, Any],
    channels: Mapping[str, Any],
) -> DeskSettings:
    new_defaults, new_limits = dict(defaults), dict(limits)
    if "idle_policy" in new_defaults:
        request = merge_policy(PolicyOverride(), new_defaults["idle_policy"])
        new_defaults["idle_policy"], _ = apply_override(request, settings.defaults.idle_policy, 0)
    if "min_thresholds" in new_limits:
        lowest = replace(settings.limits.min_thresholds, **new_limits["min_thresholds"])
        new_limits["min_thresholds"] = lowest
    return replace(
        settings,
        mode=mode or settings.mode,
        defaults=replace(settings.defaults, **new_defaults),
        limits=replace(settings.limits, **new_limits),
        channels=merge_channels(settings.channels, channels),
    )
