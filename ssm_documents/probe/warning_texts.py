"""Texts about stop warnings that several messages share."""

from __future__ import annotations

KEEP_HINT = "To keep it running, run gpudesk-keep 4h."

_REASONS = {
    "idle": "it is idle",
    "lifetime": "its maximum lifetime (max_hours) is over",
    "failed": "its setup failed",
    "no_agent": "its SSM agent does not respond",
}


def describe_reason(warning_type: str) -> str:
    """Return the reason of a stop warning as a clause. A type that a newer gpudesk has added is returned unchanged."""
    return _REASONS.get(warning_type, warning_type)
