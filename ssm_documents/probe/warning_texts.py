"""Texts about stop warnings that several messages share."""

from __future__ import annotations

_KEEP_HINT = "To keep it running, run gpudesk-keep 4h."
_KEEP_HINTS = {
    "lifetime": "To run it longer, press Keep in the notification: gpudesk-keep cannot extend max_hours.",
    "no_agent": "To keep it running, press Keep in the notification.",
}
SELF_STOP_HINT = "To keep it running, use it, or run gpudesk-hold --for 4h."
"""gpudesk grants a keep, and it is not there. A hold is read on the instance."""

_REASONS = {
    "idle": "it is idle",
    "lifetime": "its maximum lifetime (max_hours) or its keep ends",
    "failed": "its setup failed",
    "no_agent": "its SSM agent does not respond",
}


def describe_keep(warning_type: str) -> str:
    """Return how to keep the instance running, as a sentence."""
    return _KEEP_HINTS.get(warning_type, _KEEP_HINT)


def describe_reason(warning_type: str) -> str:
    """Return the reason of a stop warning as a clause. A type that a newer gpudesk has added is returned unchanged."""
    return _REASONS.get(warning_type, warning_type)
