"""Every interval, deadline and life span of the desk, each with its reason.

Those of the idle rule are with the rule, which the machines carry (`activity/`).
"""

from datetime import timedelta

LAUNCH_DEADLINE = timedelta(minutes=15)
"""Capacity that is not there for a quarter of an hour is a person's decision: another type, another region."""

CAPACITY_RETRY = timedelta(minutes=2)
"""After every zone refused: RunInstances has a small bucket, and capacity does not come back in seconds."""

LAUNCH_VISIBILITY_DEADLINE = timedelta(minutes=10)
"""A launch whose answer was lost shows up by tag within minutes (DescribeInstances lags); after this it never was."""

AGENT_DEADLINE = timedelta(minutes=15)
"""From running to an agent that answers: images need one to five minutes, so longer means no way to SSM."""

AGENT_WARNING_AFTER = timedelta(minutes=10)
"""The owner hears of it before the deadline acts (nobody is stopped unwarned)."""

START_DEADLINE = timedelta(minutes=15)
"""As LAUNCH_DEADLINE, for a stopped instance: its zone is where its disk is."""

MAX_SETUP_ATTEMPTS = 3
"""A document that failed three times fails for a reason that a fourth does not cure."""

SETUP_RETRY = timedelta(minutes=1)
"""Mirrors and package locks recover in a minute or not at all."""

COMMAND_RESEND_AFTER = timedelta(minutes=1)
"""A command that AWS never confirmed is sent again; the machine's lock makes the second one leave at once."""

SEND_DEADLINE = timedelta(minutes=15)
"""As AGENT_DEADLINE: an agent that answered and then takes no command for so long is lost."""

SSM_DELIVERY_TIMEOUT = timedelta(minutes=10)
"""How long SSM may take to hand a command to the agent."""

DOCUMENT_MARGIN = SSM_DELIVERY_TIMEOUT + timedelta(minutes=2)
"""On top of a document's own time limit, which SSM enforces: for delivery and the report."""

STOP_RETRY_AFTER = timedelta(minutes=2)
"""AWS acknowledged, the instance still runs: ask again."""

STOP_FORCE_AFTER = timedelta(minutes=10)
"""An operating system that has not shut down by then does not; the deadline of `stopping`."""

STOP_OVERDUE_AFTER = timedelta(minutes=20)
"""Ten minutes after force: a person has to look."""

WARNING_DELIVERY_WAIT = timedelta(minutes=10)
"""How long a stop waits for its warning to reach somebody; the machine itself is more patient (`activity/alone.py`)."""

USER_RESPONSE_WAIT = timedelta(minutes=5)
"""However late a warning arrives, whoever gets it has so long to answer it (or as long as the warning, if shorter)."""

WARNING_RETRY_INTERVAL = timedelta(minutes=2)
"""A warning that did not arrive is tried again so often: it has minutes, not hours."""

NOTIFICATION_EXPIRY = timedelta(hours=6)
"""News that nobody could be told for so long are in the timeline, and old."""

UNKNOWN_ACTIVITY_NOTIFY_AFTER = timedelta(minutes=15)
"""How long activity may be unknown before owner and admin hear of it."""

GONE_AFTER = timedelta(hours=2)
"""Terminated instances vanish from EC2 after about an hour; absent for two, it is gone."""

VISIBILITY_GRACE = timedelta(minutes=10)
"""What carries our tag and has no record is spared that long: its record may be a moment away."""

FAILED_RECORD_RETENTION = timedelta(hours=1)
"""A failed launch without a machine leaves the list of the living after that, and frees its name."""

DUPLICATE_REQUEST_WINDOW = timedelta(minutes=2)
"""The same wish of the same owner within this is a person who saw a time-out and typed again."""

IDEMPOTENCY_RETENTION = timedelta(hours=24)
"""How long an Idempotency-Key is remembered."""

TERMINATED_RETENTION = timedelta(days=30)
"""How long a terminated instance stays in the list."""

SANITIZE_DEADLINE = timedelta(minutes=20)
"""From sending the document that takes secrets out of an image to its end: delivery (10) and seconds of work."""

IMAGE_RETRY_AFTER = timedelta(minutes=3)
"""CreateImage has no token: it is asked again only once what it may have made would be seen."""

IMAGE_DEADLINE = timedelta(hours=6)
"""From the request on, and so long a termination waits: the first snapshot of a disk of some hundred GiB takes most of
an hour; after six it does not come."""

RESTORE_DEADLINE = IMAGE_DEADLINE + timedelta(hours=2)
"""From the same request on: a machine that runs and takes no command two hours after all is over needs a person."""

SWEEP_OVERDUE_AFTER = timedelta(minutes=10)
"""A sweep comes each minute; ten that did not come to their end are no chance any more."""

SWEEP_LEASE_DURATION = timedelta(minutes=2)
"""Longer than a sweep may take (the function's time-out is one minute), short enough that a crash costs one sweep."""
