"""The changes that a request makes to the settings of the desk, and how they are merged into the stored ones."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypedDict

from chalicelib.control.services.settings_changes import merge_channels, merge_policy
from chalicelib.domain.desk.policy_override import PolicyOverride, apply_override
from chalicelib.domain.desk.settings import Defaults, DeskSettings, Limits, Mode


class DeskChanges(TypedDict, total=False):
    """The changes of a request. Fields that are not named stay.

    `defaults` has fields of `Defaults`, with `idle_policy` as a mapping. `limits` has fields of `Limits`, with
    `min_thresholds` as a mapping. `channels` has fields of `Channels`. `project_budgets` has US dollars by project.
    `logs` has `log_group`. null removes a channel, a budget or the log group.
    """

    mode: Mode | None
    defaults: Mapping[str, Any] | None
    limits: Mapping[str, Any] | None
    channels: Mapping[str, Any] | None
    project_budgets: Mapping[str, Decimal | None] | None
    logs: Mapping[str, str | None] | None


def apply_changes(settings: DeskSettings, changes: DeskChanges) -> DeskSettings:
    """Return the settings after the changes of a request. They are not checked."""
    return replace(
        settings,
        mode=changes.get("mode") or settings.mode,
        defaults=_change_defaults(settings.defaults, changes.get("defaults") or {}),
        limits=_change_limits(settings.limits, changes.get("limits") or {}),
        channels=merge_channels(settings.channels, changes.get("channels") or {}),
        project_budgets=_change_budgets(settings.project_budgets, changes.get("project_budgets") or {}),
        log_group=(changes.get("logs") or {}).get("log_group", settings.log_group),
    )


def _change_budgets(budgets: Mapping[str, Decimal], changes: Mapping[str, Decimal | None]) -> Mapping[str, Decimal]:
    merged = {**budgets, **changes}
    return {project: amount for project, amount in sorted(merged.items()) if amount is not None}


def _change_defaults(defaults: Defaults, changes: Mapping[str, Any]) -> Defaults:
    fields = dict(changes)
    if "idle_policy" in fields:
        override = merge_policy(PolicyOverride(), fields["idle_policy"])
        fields["idle_policy"], _ = apply_override(override, defaults.idle_policy, defaults.max_hours)
    return replace(defaults, **fields)


def _change_limits(limits: Limits, changes: Mapping[str, Any]) -> Limits:
    fields = dict(changes)
    if "min_thresholds" in fields:
        fields["min_thresholds"] = replace(limits.min_thresholds, **fields["min_thresholds"])
    return replace(limits, **fields)
