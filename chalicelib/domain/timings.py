"""Every interval, deadline and life span of the desk, each with its reason.

Those of the idle rule are with the rule, which the machines carry (`activity/`).
"""

from datetime import timedelta

LAUNCH_DEADLINE = timedelta(minutes=15)
"""Capacity that is not there for a quarter of an hour is a person's decision: another type, another region."""

CAPACITY_RETRY = timedelta(minutes=2)
"""After every zone refused: RunInstances has a small bucket, and capacity does not come back in seconds."""

ATTEMPT_CERTAIN = timedelta(minutes=10)
"""A launch whose answer was lost shows up by tag within minutes (DescribeInstances lags); after this it never was."""

AGENT_DEADLINE = timedelta(minutes=15)
"""From running to an agent that answers: images need one to five minutes, so longer means no way to SSM."""

AGENT_WARNING = timedelta(minutes=10)
"""The owner hears of it before the deadline acts (nobody is stopped unwarned)."""

START_DEADLINE = timedelta(minutes=15)
"""As LAUNCH_DEADLINE, for a stopped instance: its zone is where its disk is."""

SETUP_TRIES = 3
"""A document that failed three times fails for a reason that a fourth does not cure."""

SETUP_RETRY = timedelta(minutes=1)
"""Mirrors and package locks recover in a minute or not at all."""

RESEND_AFTER = timedelta(minutes=1)
"""A command that AWS never confirmed is sent again; the machine's lock makes the second one leave at once."""

SEND_DEADLINE = timedelta(minutes=15)
"""As AGENT_DEADLINE: an agent that answered and then takes no command for so long is lost."""

DELIVERY = timedelta(minutes=10)
"""How long SSM may take to hand a command to the agent."""

DOCUMENT_MARGIN = DELIVERY + timedelta(minutes=2)
"""On top of a document's own time limit, which SSM enforces: for delivery and the report."""

STOP_AGAIN = timedelta(minutes=2)
"""AWS acknowledged, the instance still runs: ask again."""

STOP_FORCE = timedelta(minutes=10)
"""An operating system that has not shut down by then does not; the deadline of `stopping`."""

STOP_ALARM = timedelta(minutes=20)
"""Ten minutes after force: a person has to look."""

DELIVERY_WAIT = timedelta(minutes=10)
"""How long a stop waits for its warning to reach somebody; the machine itself is more patient (`activity/alone.py`)."""

ANSWER_WAIT = timedelta(minutes=5)
"""However late a warning arrives, whoever gets it has so long to answer it (or as long as the warning, if shorter)."""

WARNING_RETRY = timedelta(minutes=2)
"""A warning that did not arrive is tried again so often: it has minutes, not hours."""

DELIVERY_GIVEN_UP = timedelta(hours=6)
"""News that nobody could be told for so long are in the timeline, and old."""

SILENCE_TOLD = timedelta(minutes=15)
"""How long activity may be unknown before owner and admin hear of it."""

ABSENT_CERTAIN = timedelta(hours=2)
"""Terminated instances vanish from EC2 after about an hour; absent for two, it is gone."""

NEWBORN = timedelta(minutes=10)
"""What carries our tag and has no record is spared that long: its record may be a moment away."""

FAILED_CLOSED = timedelta(hours=1)
"""A failed launch without a machine leaves the list of the living after that, and frees its name."""

SAME_WISH = timedelta(minutes=2)
"""The same wish of the same owner within this is a person who saw a time-out and typed again."""

IDEMPOTENCY_KEPT = timedelta(hours=24)
"""How long an Idempotency-Key is remembered."""

TERMINATED_LISTED = timedelta(days=30)
"""How long a terminated instance stays in the list."""

SEAL_DEADLINE = timedelta(minutes=20)
"""From sending the document that takes secrets out of an image to its end: delivery (10) and seconds of work."""

IMAGE_AGAIN = timedelta(minutes=3)
"""CreateImage has no token: it is asked again only once what it may have made would be seen."""

IMAGE_DEADLINE = timedelta(hours=6)
"""From the request on, and so long a termination waits: the first snapshot of a disk of some hundred GiB takes most of
an hour; after six it does not come."""

UNSEAL_DEADLINE = IMAGE_DEADLINE + timedelta(hours=2)
"""From the same request on: a machine that runs and takes no command two hours after all is over needs a person."""

SWEEP_OLD = timedelta(minutes=10)
"""A sweep comes each minute; ten that did not come to their end are no chance any more."""

SWEEP_LEASE = timedelta(minutes=2)
"""Longer than a sweep may take (the function's time-out is one minute), short enough that a crash costs one sweep."""
