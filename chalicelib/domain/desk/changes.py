"""The timeline of the desk: who changed which setting, and when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import join_and
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.desk.settings import PAUSE_END, DeskSettings, Mode, ModeChange

EFFECTS: Mapping[Mode, str] = {
    Mode.ENFORCE: "gpudesk launches instances and stops them by their policies.",
    Mode.DRY_RUN: (
        "gpudesk stops no instance on its own until an admin sets mode to enforce. Idle instances are billed until "
        "somebody stops them."
    ),
    Mode.PAUSED: (f"gpudesk launches, stops and terminates nothing until {PAUSE_END}. Running instances are billed."),
}
"""The meaning of each mode for people, as the end of the message about its change."""

GROUPS = ("defaults", "limits")
"""The settings whose values everybody may see. Addresses are not in this timeline."""

MAX_VALUE_LENGTH = 100


def record_changes(
    before: DeskSettings, after: DeskSettings, actor: str, now: datetime
) -> tuple[DeskSettings, tuple[TimelineEntry, ...]]:
    """Return the settings with the author of a new mode, and one entry for the mode and one for all other settings."""
    entries = []
    if after.mode is not before.mode:
        after = replace(after, mode_change=ModeChange(at=now, by=actor))
        if before.mode is Mode.PAUSED:
            after = replace(after, resumed_at=now)
        message = f"{actor} changed the mode of gpudesk from {before.mode} to {after.mode}. {EFFECTS[after.mode]}"
        details = {"before": str(before.mode), "after": str(after.mode)}
        reason = EventReason(code=EventCode.MODE_CHANGED, message=message)
        entries.append(timeline_entry(now, reason, actor=actor, details=details))
    changes = list(_find_changes(before, after))
    if changes:
        text = join_and([change.text for change in changes])
        reason = EventReason(code=EventCode.DESK_CHANGED, message=f"{actor} changed {text}.")
        details = {key: value for change in changes for key, value in change.details.items()}
        entries.append(timeline_entry(now, reason, actor=actor, details=details))
    return after, tuple(entries)


@dataclass(frozen=True)
class _Change:
    """A setting that differs.

    :param path: its path in GET /desk
    :param values: before and after; None: they are shown to nobody
    """

    path: str
    values: tuple[str, str] | None

    @property
    def text(self) -> str:
        """Return the change as a part of a sentence."""
        return f"{self.path} from {self.values[0]} to {self.values[1]}" if self.values else self.path

    @property
    def details(self) -> dict[str, str]:
        """Return the change for programs."""
        return {
            f"{self.path}.{when}": value for when, value in zip(("before", "after"), self.values or (), strict=False)
        }


def _find_changes(before: DeskSettings, after: DeskSettings) -> Iterator[_Change]:
    for group in GROUPS:
        yield from _compare(group, getattr(before, group), getattr(after, group))
    yield from _compare("log_group", before.log_group, after.log_group)
    for project in sorted({*before.project_budgets, *after.project_budgets}):
        budgets = (settings.project_budgets.get(project) for settings in (before, after))
        yield from _compare(f"project_budgets.{project}", *budgets)
    for name in ("email", "webhook"):
        if getattr(before.channels, name) != getattr(after.channels, name):
            yield _Change(f"channels.{name}", None)
    if (
        before.channels.webhook == after.channels.webhook
        and before.channels.webhook_generation != after.channels.webhook_generation
    ):
        yield _Change("the secret of channels.webhook", None)


def _compare(path: str, before: Any, after: Any) -> Iterator[_Change]:
    """Yield each value that differs."""
    if is_dataclass(before):
        for field in fields(before):
            yield from _compare(f"{path}.{field.name}", getattr(before, field.name), getattr(after, field.name))
    elif before != after:
        yield _Change(path, (_format(before), _format(after)))


def _format(value: Any) -> str:
    text = ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else "none" if value is None else str(value)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[:MAX_VALUE_LENGTH]}..."
