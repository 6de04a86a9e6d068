"""Define every code of a reason and of a timeline entry, and who is notified of it.

To add a code, add a member to `EventCode`. A code that somebody is notified of needs a subject for its e-mail, and a
code that nobody is notified of must not have one. Importing this module checks both.
"""

from enum import StrEnum, unique
from typing import Self


class Audience(StrEnum):
    """Recipient of a notification: the owner of the instance, or the admins of gpudesk."""

    OWNER = "owner"
    ADMIN = "admin"


NOTIFY_NOBODY: tuple[Audience, ...] = ()
NOTIFY_OWNER = (Audience.OWNER,)
NOTIFY_ADMIN = (Audience.ADMIN,)
NOTIFY_BOTH = (Audience.OWNER, Audience.ADMIN)

WITHOUT_EMAIL = "(no e-mail)"
"""Subject of a code that is only sent to a webhook."""


class ReplayAction(StrEnum):
    """Action of gpudesk that `make replay` prints in its timeline."""

    WARN = "warn"
    WITHDRAW = "withdraw"
    STOP = "stop"
    REPORT_SILENCE = "report_silence"


@unique
class EventCode(StrEnum):
    """Code of a reason or a timeline entry. Its value is stored, returned by the API and sent in notifications.

    A member is written as `NAME = code, audience, subject, replay action`.

    :ivar audience: who is notified of a timeline entry with this code, in the order of delivery
    :ivar subject: the text after `gpudesk: NAME ` in the subject of the e-mail. `{outcome}` is "stopped" or
        "terminated", `{rejected_by}` is "AWS" or "gpudesk".
    :ivar replay_action: the action that `make replay` prints for it; None: a replay does not print it
    """

    _value_: str
    audience: tuple[Audience, ...]
    subject: str
    replay_action: ReplayAction | None

    def __new__(
        cls,
        code: str,
        audience: tuple[Audience, ...] | None = None,
        subject: str = "",
        replay_action: ReplayAction | None = None,
    ) -> Self:
        """Create a member.

        :param audience: required; the default is None only because mypy checks `EventCode(value)` by this signature
        :raises TypeError: the audience is missing, a notified code has no subject, or another code has one
        """
        if audience is None:
            raise TypeError(f"{code}: a code needs an audience; use NOTIFY_NOBODY if nobody is notified")
        if bool(audience) != bool(subject):
            raise TypeError(f"{code}: a notified code needs a subject, any other code must not have one")
        member = str.__new__(cls, code)
        member._value_ = code
        member.audience = audience
        member.subject = subject
        member.replay_action = replay_action
        return member

    # Launch
    REQUESTED = "requested", NOTIFY_NOBODY
    LAUNCHING = "launching", NOTIFY_NOBODY
    RESOLVING = "resolving", NOTIFY_NOBODY
    LAUNCHED = "launched", NOTIFY_NOBODY
    LAUNCHED_FROM_IMAGE = "launched_from_image", NOTIFY_NOBODY
    DISK_NEARLY_FULL = "disk_nearly_full", NOTIFY_NOBODY
    GPU_STEPS_SKIPPED = "gpu_steps_skipped", NOTIFY_NOBODY
    ZONE_NO_CAPACITY = "zone_no_capacity", NOTIFY_NOBODY
    OFFER_LEFT_OUT = "offer_left_out", NOTIFY_NOBODY
    NO_CAPACITY_YET = "no_capacity_yet", NOTIFY_NOBODY
    LAUNCHED_AS_OTHER_OFFER = (
        "launched_as_other_offer",
        NOTIFY_OWNER,
        "is launched as another offer than the first",
    )
    LAUNCHED_AFTER_WAIT = "launched_after_wait", NOTIFY_OWNER, "is launched: the capacity that it waited for came"
    RETRYING = "retrying", NOTIFY_NOBODY
    WAITING_TO_RETRY = "waiting_to_retry", NOTIFY_NOBODY
    WAITING_FOR_QUOTA = "waiting_for_quota", NOTIFY_ADMIN, "waits for a larger AWS quota"
    QUOTA_AVAILABLE = "quota_available", NOTIFY_OWNER, "is being launched: its AWS quota may suffice now"
    QUOTA_DECLINED = "quota_declined", NOTIFY_OWNER, "still waits: AWS did not increase the quota"
    CANCELLED = "cancelled", NOTIFY_NOBODY
    CANCEL_PENDING = "cancel_pending", NOTIFY_NOBODY
    FAILED_RECORD_CLOSED = "failed_record_closed", NOTIFY_NOBODY
    FAILED = "failed", NOTIFY_NOBODY
    MARKET_CHANGED = "market_changed", NOTIFY_OWNER, "is launched on-demand: spot is not available"
    LAUNCH_REFUSED = "launch_refused", NOTIFY_OWNER, "could not be launched: {rejected_by} rejected the request"
    QUOTA_EXCEEDED = "quota_exceeded", NOTIFY_OWNER, "could not be launched: AWS quota exceeded"
    NO_CAPACITY = "no_capacity", NOTIFY_OWNER, "could not be launched: AWS has no capacity"
    NO_ANSWER = "no_answer", NOTIFY_OWNER, "could not be launched: AWS did not respond"

    # Boot and setup
    BOOTING = "booting", NOTIFY_NOBODY
    STARTING = "starting", NOTIFY_NOBODY
    START_REQUESTED = "start_requested", NOTIFY_NOBODY
    START_INITIATED = "start_initiated", NOTIFY_NOBODY
    START_RETRIED = "start_retried", NOTIFY_NOBODY
    START_WAITING = "start_waiting", NOTIFY_OWNER, "cannot start yet: AWS has no capacity in its zone"
    START_CAPACITY_FOUND = "start_capacity_found", NOTIFY_OWNER, "is starting: its zone has capacity now"
    CHANGING_TYPE = "changing_type", NOTIFY_NOBODY
    RESIZED = "resized", NOTIFY_NOBODY
    START_FAILED = "start_failed", NOTIFY_OWNER, "could not be started"
    FIRST_HEARTBEAT = "first_heartbeat", NOTIFY_NOBODY
    SETUP_REQUESTED = "setup_requested", NOTIFY_NOBODY
    SETTING_UP = "setting_up", NOTIFY_NOBODY
    SENDING = "sending", NOTIFY_NOBODY
    DOCUMENT_STARTED = "document_started", NOTIFY_NOBODY
    DOCUMENT_SUCCEEDED = "document_succeeded", NOTIFY_NOBODY
    DOCUMENT_FAILED = "document_failed", NOTIFY_NOBODY
    DOCUMENT_INTERRUPTED = "document_interrupted", NOTIFY_NOBODY
    DOCUMENT_SKIPPED = "document_skipped", NOTIFY_NOBODY
    REBOOTED_BY_SETUP = "rebooted_by_setup", NOTIFY_NOBODY
    SETUP_FAILED = "setup_failed", NOTIFY_OWNER, "has a failed setup"
    READY = "ready", NOTIFY_OWNER, "is ready"
    NO_AGENT = "no_agent", NOTIFY_NOBODY
    NO_AGENT_WARNING = "no_agent_warning", NOTIFY_BOTH, "does not respond to SSM and will be {outcome}"

    # Moves
    MOVE_REQUESTED = "move_requested", NOTIFY_NOBODY
    MOVING = "moving", NOTIFY_NOBODY
    MOVED = "moved", NOTIFY_OWNER, "is moved"
    MOVE_FAILED = "move_failed", NOTIFY_OWNER, "could not be moved"
    MOVE_CANCELLED = "move_cancelled", NOTIFY_OWNER, "is not moved: the move was cancelled"
    MOVE_LEFTOVER = "move_leftover", NOTIFY_BOTH, "has resources of a move that could not be deleted"
    MOVE_IMAGE_KEPT = "move_image_kept", NOTIFY_BOTH, "is terminated, but an image of its disk is kept"
    MOVE_CLEANED_UP = "move_cleaned_up", NOTIFY_NOBODY

    # Activity and stop warnings
    BUSY = "busy", NOTIFY_NOBODY
    QUIET = "quiet", NOTIFY_NOBODY
    IDLE = "idle", NOTIFY_NOBODY
    ACTIVITY_UNKNOWN = (
        "activity_unknown",
        NOTIFY_BOTH,
        "cannot be monitored: its activity is unknown",
        ReplayAction.REPORT_SILENCE,
    )
    IMAGE_IN_PROGRESS = "image_in_progress", NOTIFY_NOBODY
    BENCHMARK_IN_PROGRESS = "benchmark_in_progress", NOTIFY_NOBODY
    IDLE_WARNING = "idle_warning", NOTIFY_OWNER, "is idle and will be stopped", ReplayAction.WARN
    IDLE_WARNING_ACTIVE = "idle_warning_active", NOTIFY_NOBODY
    LIFETIME_WARNING = (
        "lifetime_warning",
        NOTIFY_OWNER,
        "reaches its maximum lifetime and will be stopped",
        ReplayAction.WARN,
    )
    LIFETIME_WARNING_ACTIVE = "lifetime_warning_active", NOTIFY_NOBODY
    LIFETIME_OVER = "lifetime_over", NOTIFY_NOBODY
    FAILED_WARNING = "failed_warning", NOTIFY_OWNER, "failed its setup and will be stopped"
    WARNING_DELIVERED = "warning_delivered", NOTIFY_NOBODY
    WARNING_UNDELIVERED = "warning_undelivered", NOTIFY_NOBODY
    WARNING_CANCELLED = (
        "warning_cancelled",
        NOTIFY_OWNER,
        "keeps running: the stop warning no longer applies",
        ReplayAction.WITHDRAW,
    )

    # Keep
    KEEP_GRANTED = "keep_granted", NOTIFY_NOBODY
    KEEP_ACTIVE = "keep_active", NOTIFY_NOBODY
    KEEP_REFUSED = "keep_refused", NOTIFY_NOBODY

    # Stop and end
    STOP_REQUESTED = "stop_requested", NOTIFY_NOBODY
    STOP_INITIATED = "stop_initiated", NOTIFY_OWNER, "is being stopped", ReplayAction.STOP
    STOP_RETRIED = "stop_retried", NOTIFY_NOBODY
    BEFORE_STOP_STARTED = "before_stop_started", NOTIFY_NOBODY
    BEFORE_STOP_ENDED = "before_stop_ended", NOTIFY_NOBODY
    BEFORE_STOP_FAILED = "before_stop_failed", NOTIFY_OWNER, "has a before-stop hook that did not succeed"
    STOP_CANCELLED = "stop_cancelled", NOTIFY_OWNER, "was not stopped: it is no longer known to be idle"
    STOP_REFUSED = "stop_refused", NOTIFY_BOTH, "could not be stopped: AWS rejected the call"
    STOP_OVERDUE = "stop_overdue", NOTIFY_BOTH, "has not stopped for 20 minutes"
    STOPPING = "stopping", NOTIFY_NOBODY
    STOPPED = "stopped", NOTIFY_NOBODY
    SELF_STOPPED = "self_stopped", NOTIFY_BOTH, "stopped itself because gpudesk had not stopped it"
    TERMINATE_REQUESTED = "terminate_requested", NOTIFY_NOBODY
    TERMINATE_PENDING = "terminate_pending", NOTIFY_NOBODY
    TERMINATE_INITIATED = "terminate_initiated", NOTIFY_OWNER, "is being terminated"
    TERMINATE_RETRIED = "terminate_retried", NOTIFY_NOBODY
    TERMINATE_REFUSED = "terminate_refused", NOTIFY_BOTH, "could not be terminated: AWS rejected the call"
    TERMINATE_OVERDUE = "terminate_overdue", NOTIFY_BOTH, "has not terminated for 20 minutes"
    TERMINATING = "terminating", NOTIFY_NOBODY
    TERMINATED = "terminated", NOTIFY_NOBODY

    # Spot
    SPOT_INTERRUPTION = "spot_interruption", NOTIFY_OWNER, "is being interrupted by EC2"
    SPOT_INTERRUPTED = "spot_interrupted", NOTIFY_OWNER, "was interrupted by EC2"
    SPOT_RESUMED = "spot_resumed", NOTIFY_OWNER, "was started again by EC2 after its interruption"
    SPOT_RETURN_STOPPED = "spot_return_stopped", NOTIFY_NOBODY
    SPOT_WAITING = "spot_waiting", NOTIFY_NOBODY
    SPOT_REBALANCE = "spot_rebalance", NOTIFY_NOBODY
    SPOT_REQUEST_CANCELLED = "spot_request_cancelled", NOTIFY_NOBODY

    # EC2 state and external changes
    NOT_VISIBLE = "not_visible", NOTIFY_NOBODY
    NOT_VISIBLE_YET = "not_visible_yet", NOTIFY_NOBODY
    AWS_UNAVAILABLE = "aws_unavailable", NOTIFY_NOBODY
    SCHEDULED_EVENT = "scheduled_event", NOTIFY_BOTH, "has a scheduled AWS event"
    SCHEDULED_EVENT_CLEARED = "scheduled_event_cleared", NOTIFY_NOBODY
    REBOOTED = "rebooted", NOTIFY_OWNER, "was rebooted outside gpudesk"
    STARTED_EXTERNALLY = "started_externally", NOTIFY_OWNER, "was started outside gpudesk"
    STOPPED_EXTERNALLY = "stopped_externally", NOTIFY_OWNER, "was stopped outside gpudesk"
    TERMINATING_EXTERNALLY = "terminating_externally", NOTIFY_NOBODY
    TERMINATED_EXTERNALLY = "terminated_externally", NOTIFY_OWNER, "was terminated outside gpudesk"
    TYPE_CHANGED = "type_changed", NOTIFY_BOTH, "has another instance type"
    TAGS_LOST = "tags_lost", NOTIFY_BOTH, "lost its gpudesk tags and is no longer managed"
    INSTANCE_GONE = "instance_gone", NOTIFY_BOTH, "is gone from EC2"
    REAPPEARED = "reappeared", NOTIFY_BOTH, "still exists in EC2 and is being terminated"
    ADOPTED = "adopted", NOTIFY_ADMIN, "had no record and is now managed by gpudesk"
    ADOPTED_ON_REQUEST = "adopted_on_request", NOTIFY_BOTH, "is now managed by gpudesk"
    RECORD_UNREADABLE = "record_unreadable", NOTIFY_ADMIN, "has a record that gpudesk cannot read"

    # Policy and mode
    POLICY_CHANGED = "policy_changed", NOTIFY_NOBODY
    POLICY_LIMITED = "policy_limited", NOTIFY_NOBODY
    DESK_PAUSED = "desk_paused", NOTIFY_NOBODY
    DRY_RUN = "dry_run", NOTIFY_NOBODY
    NO_CHANGE = "no_change", NOTIFY_NOBODY
    SUPERSEDED = "superseded", NOTIFY_NOBODY

    # Sessions and benchmarks
    SESSION_REQUESTED = "session_requested", NOTIFY_NOBODY
    SESSION_NOT_OPENED = "session_not_opened", NOTIFY_NOBODY
    BENCHMARK_REQUESTED = "benchmark_requested", NOTIFY_NOBODY
    BENCHMARK_STARTED = "benchmark_started", NOTIFY_NOBODY
    BENCHMARK_DONE = "benchmark_done", NOTIFY_OWNER, "finished its benchmark"
    BENCHMARK_FAILED = "benchmark_failed", NOTIFY_OWNER, "could not finish its benchmark"

    # Images, and removing and restoring the secrets of their source
    IMAGE_REQUESTED = "image_requested", NOTIFY_NOBODY
    IMAGE_AVAILABLE = "image_available", NOTIFY_OWNER, "has a new image that is ready to use"
    IMAGE_FAILED = "image_failed", NOTIFY_OWNER, "has an image that could not be created"
    SANITIZING = "sanitizing", NOTIFY_NOBODY
    CREATING = "creating", NOTIFY_NOBODY
    PENDING = "pending", NOTIFY_NOBODY
    AVAILABLE = "available", NOTIFY_NOBODY
    DELETING = "deleting", NOTIFY_NOBODY
    DELETE_REFUSED = "delete_refused", NOTIFY_NOBODY
    DELETED = "deleted", NOTIFY_NOBODY
    SECRETS_RESTORED = "secrets_restored", NOTIFY_NOBODY
    SECRETS_REGENERATED = "secrets_regenerated", NOTIFY_NOBODY
    SECRET_RESTORE_FAILED = "secret_restore_failed", NOTIFY_NOBODY

    # gpudesk itself
    MODE_CHANGED = "mode_changed", NOTIFY_ADMIN, "an admin changed the mode"
    DESK_CHANGED = "desk_changed", NOTIFY_NOBODY
    SWEEP_OVERDUE = "sweep_overdue", NOTIFY_ADMIN, "scheduled sweep has not completed for 10 minutes"
    SPOT_REQUEST_UNMANAGED = (
        "spot_request_unmanaged",
        NOTIFY_ADMIN,
        "a spot request has an unmanaged instance",
    )
    BUDGET_NEARLY_SPENT = "budget_nearly_spent", NOTIFY_BOTH, "80 % of a monthly budget is spent"
    BUDGET_SPENT = "budget_spent", NOTIFY_BOTH, "a monthly budget is spent"
    QUOTA_CASE_OPENED = "quota_case_opened", NOTIFY_ADMIN, "AWS opened a support case about a quota"
    QUOTA_INCREASED = "quota_increased", NOTIFY_ADMIN, "AWS increased a quota"
    QUOTA_NOT_INCREASED = "quota_not_increased", NOTIFY_ADMIN, "AWS did not increase a quota"
    FOREIGN_INSTANCES_FOUND = (
        "foreign_instances_found",
        NOTIFY_ADMIN,
        "the AWS account has unmanaged GPU instances",
    )
    EMAIL_UNSUBSCRIBED = "email_unsubscribed", NOTIFY_BOTH, "an e-mail address is no longer subscribed"
    WEBHOOK_REGISTERED = "webhook_registered", NOTIFY_BOTH, WITHOUT_EMAIL
