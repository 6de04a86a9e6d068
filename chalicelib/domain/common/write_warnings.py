"""Define the warnings in the answers to writes: a code for programs, a message for people."""

from dataclasses import dataclass
from enum import StrEnum


class WarningCode(StrEnum):
    """Code of a warning in the answer to a write."""

    DUPLICATE_REQUEST = "duplicate_request"
    NO_CHANNEL = "no_channel"
    LAUNCHED_FROM_IMAGE = "launched_from_image"
    DISK_NEARLY_FULL = "disk_nearly_full"
    GPU_STEPS_SKIPPED = "gpu_steps_skipped"
    DESK_PAUSED = "desk_paused"
    DRY_RUN = "dry_run"
    HOME_DIRECTORY_INCLUDED = "home_directory_included"
    INSTANCE_STORE_EXCLUDED = "instance_store_excluded"
    RECIPE_NOT_CAPTURED = "recipe_not_captured"
    SESSIONS_RESTRICTED = "sessions_restricted"
    FILE_SYSTEM_INCONSISTENT = "file_system_inconsistent"
    INSTANCE_REBOOTS = "instance_reboots"
    WARNING_MINUTES_LOWERED = "warning_minutes_lowered"
    TYPE_MISMATCH = "type_mismatch"
    ACTIVITY_INTERRUPTED = "activity_interrupted"
    QUOTA_REQUEST_OPEN = "quota_request_open"
    WAITING_FOR_QUOTA = "waiting_for_quota"
    OTHER_OFFER = "other_offer"
    NO_FALLBACK = "no_fallback"
    NO_INSTANCE_PROFILE = "no_instance_profile"


@dataclass(frozen=True)
class WriteWarning:
    """A remark in the answer to a write that succeeded."""

    code: WarningCode
    message: str
