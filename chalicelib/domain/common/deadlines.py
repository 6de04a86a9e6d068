"""Define every interval, deadline and retention time of gpudesk, each with its reason.

Three groups are elsewhere: those of the idle rule, which the probe carries (`idle/`), those of a policy, which people
set (`desk/settings.py`), and the real seconds of calls: of a single one beside the call, of several in
`sessions/time_limit.py` and `control/loop/function_budget.py`.

Sources: `eventual consistency` is
https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html, and `throttling` is
https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html. A value without a source is a choice.
"""

from datetime import timedelta

# Launch

LAUNCH_DEADLINE = timedelta(minutes=15)
"""Time without capacity after which a launch fails: a person must decide whether to use another type or region."""

EXPLAIN_WAITING_AFTER = timedelta(minutes=2)
"""Time without an answer after which a launch gives this as its reason. A single lost answer is not mentioned."""

MAX_CAPACITY_WAIT = timedelta(days=7)
"""Longest time for which a launch or a start waits for capacity with `wait_until`: capacity often follows the hours of
a week. An instance that nobody has needed for a week is forgotten, and would be billed when capacity came."""

CAPACITY_RETRY = timedelta(minutes=2)
"""Wait after a pass over all offers: capacity does not come back within seconds, and AWS throttles RunInstances by the
number of instances that are requested (throttling)."""

LAUNCH_RETRY_AFTER = timedelta(seconds=20)
"""Wait before the same request is sent again, after an error that can pass."""

LAUNCH_VISIBILITY_DEADLINE = timedelta(minutes=10)
"""If the response to RunInstances was lost, the instance is found by its tags. DescribeInstances can lag by minutes
(eventual consistency). If it does not show the instance by then, the call had no effect."""

PREREQUISITE_VISIBILITY_DEADLINE = timedelta(minutes=5)
"""EC2 sees a new instance profile or security group only some minutes after its creation (eventual consistency). If it
does not see one after five, it does not exist."""

DUPLICATE_REQUEST_WINDOW = timedelta(minutes=2)
"""Time in which a second, identical request of an owner counts as a repetition: the person saw a timeout and sent the
request again."""

IDEMPOTENCY_RETENTION = timedelta(hours=24)
"""Time for which an Idempotency-Key is stored."""

FAILED_RECORD_RETENTION = timedelta(hours=1)
"""Time after which the record of a failed launch is closed, which frees its name."""

# Offers

OFFERS_REFRESHED_AFTER = timedelta(minutes=57)
"""Age at which zones, spot prices and quotas are read again. The function is called every 5 minutes, some seconds
earlier or later; an hour would often be 65 minutes."""

CATALOG_REFRESHED_AFTER = timedelta(hours=23, minutes=57)
"""Age at which types, list prices and the regions of the account are read again. They change rarely."""

CATALOG_STALE_AFTER = timedelta(days=3)
"""Types and list prices are read every day, and each part that failed every 5 minutes. After days the cause will not
pass by itself."""

CATALOG_CHECKED_AFTER = timedelta(minutes=10)
"""Age at which a process of the API reads the stored catalog again. So a new type is accepted at most 10 minutes after
the refresh, and nearly all requests cost no read."""

CATALOG_CHECKED_BY_LOOP_AFTER = timedelta(minutes=1)
"""CATALOG_CHECKED_AFTER in the control loop. It must know a type soon after the API, which accepts launches of it."""

CATALOG_RETRIED_AFTER = timedelta(minutes=1)
"""Time after which a process tries again to read the stored catalog if DynamoDB did not respond."""

OFFERS_STALE_AFTER = timedelta(hours=3)
"""Zones and prices are read every hour. If three readings in a row failed, the cause will not pass by itself."""

SPOT_PRICE_VALID_FOR = OFFERS_STALE_AFTER
"""EC2 adjusts spot prices gradually: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances.html"""

ON_DEMAND_PRICE_VALID_FOR = timedelta(days=90)
"""List prices change rarely. A price that is a quarter old is probably still right, but nobody has looked."""

PRICE_LIST_PRICE_VALID_FOR = CATALOG_STALE_AFTER
"""They are read every day."""

QUOTAS_VALID_FOR = timedelta(minutes=90)
"""Quotas and their use are read every hour. Older ones mean that the last refresh failed, and the use has changed."""

QUOTA_REQUEST_MISSING_AFTER = timedelta(days=1)
"""Time after which an open request to increase a quota counts as closed if Service Quotas does not list it: a new one
can be missing for a while, and an old one disappears some time after its end."""

QUOTA_WAIT_DEADLINE = timedelta(days=14)
"""Time for which a launch waits for a larger quota. AWS decides most requests within days; after two weeks without a
decision a person must ask AWS."""

QUOTA_RETRY = timedelta(hours=1)
"""Wait after EC2 refused a launch for its quota, if the quota and its use are unknown: they are read every hour."""

OFFERS_RETENTION = timedelta(days=30)
"""Time for which the offers of a region are kept that is not read any more, because gpudesk has left it."""

CAPACITY_RETENTION = timedelta(weeks=26)
"""Time for which the records of capacity of a region are kept after the last answer: it then counts a hundredth."""

# Boot and setup

AGENT_DEADLINE = timedelta(minutes=15)
"""Time from state `running` to the first ping of the SSM agent. The agent needs one to five minutes. If it has not
responded after 15, it cannot reach SSM."""

BARE_METAL_BOOT = timedelta(minutes=20)
"""Additional time for each boot of a bare metal type, which tests its hardware first. Such a boot takes 15 to 25
minutes: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-types.html"""

AGENT_WARNING_BEFORE = timedelta(minutes=5)
"""Time before AGENT_DEADLINE at which the owner is warned: no instance is stopped without a warning."""

START_DEADLINE = timedelta(minutes=15)
"""Equal to LAUNCH_DEADLINE. A stopped instance can start only in the zone of its disk, so gpudesk cannot try
another zone."""

LONGEST_CAPACITY_RETRY = timedelta(minutes=10)
"""Longest pause between two tries of a start that waits for capacity. The pause is `CAPACITY_RETRY` at first, and later
a tenth of the time that it has waited: capacity that did not come back for hours hardly comes within the next minutes.
A try costs nothing, and a longer pause would leave capacity to others."""

MAX_SETUP_ATTEMPTS = 3
"""A temporary cause rarely lasts for three attempts, so gpudesk makes no fourth one."""

MAX_SETUP_INTERRUPTIONS = 3
"""Number of times that the system goes down during one setup after which the setup fails. What takes it down may be
the setup itself, and a person must look."""

SETUP_RETRY = timedelta(minutes=1)
"""Mirrors and package locks recover within a minute, or not at all."""

COMMAND_RESEND_AFTER = timedelta(minutes=1)
"""Time after which a call whose response was lost is sent again. A document that arrives twice runs once: the second
run finds the lock of the first and exits."""

SEND_DEADLINE = timedelta(minutes=15)
"""Equal to AGENT_DEADLINE: an agent that takes no command for this time cannot be reached."""

SSM_DELIVERY_TIMEOUT = timedelta(minutes=10)
"""`TimeoutSeconds` of SendCommand: how long SSM tries to deliver a command to the agent.
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"""

DOCUMENT_MARGIN = SSM_DELIVERY_TIMEOUT + timedelta(minutes=2)
"""Added to the time limit of a document, which SSM enforces: 10 minutes for the delivery, 2 for the result."""

# Calls of EC2

CALL_RETRY_AFTER = timedelta(minutes=2)
"""Time after which a call whose effect does not show is made again, although AWS accepted it: a stop, a termination, a
start, a change of the type, the cancellation of a spot request, a deletion after a move."""

# Stop and end

STOP_FORCE_AFTER = timedelta(minutes=10)
"""An operating system that has not shut down by then does not shut down any more. A forced stop follows."""

STOP_OVERDUE_AFTER = timedelta(minutes=20)
"""Ten minutes after the forced stop. A person must find the cause."""

BEFORE_STOP_BOUND = timedelta(seconds=120)
"""Time for which a before-stop hook can delay a stop: enough to write a checkpoint, and little of a bill."""

BEFORE_STOP_SPOT_BOUND = timedelta(seconds=60)
"""BEFORE_STOP_BOUND before a spot interruption, which comes two minutes after its notice. The other
minute is for the stop.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""

BEFORE_STOP_REPORT = timedelta(seconds=10)
"""Share of the bound for the delivery of the command and the report of its end."""

BEFORE_STOP_DELIVERY_TIMEOUT = timedelta(seconds=30)
"""The shortest `TimeoutSeconds` that SendCommand accepts. A command that waits longer could be delivered after the next
start. https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"""

GONE_AFTER = timedelta(hours=2)
"""A terminated instance stays visible for about an hour. If EC2 has not shown an instance for two, it is gone.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html"""

VISIBILITY_GRACE = timedelta(minutes=10)
"""Time in which gpudesk ignores that EC2 does not show a new instance yet (eventual consistency), and that an instance
with gpudesk's tags has no record yet."""

TERMINATED_RETENTION = timedelta(days=30)
"""Time for which a terminated instance stays in the list."""

TIMELINE_RETENTION = timedelta(days=400)
"""Time for which a timeline entry is kept: a year, and a month to look back at the same month of the year before."""

LEDGER_RETENTION = timedelta(days=1200)
"""Time for which a billed segment is kept: this year and the two before. Accounts are closed by then."""

HEARTBEAT_RETENTION = timedelta(days=7)
"""Time for which the last heartbeat of a terminated instance is kept, so that somebody can read what it reported."""

NOTIFICATION_RETENTION = timedelta(days=40)
"""Time for which a notification and the log of its deliveries are kept. While it exists, another one with its id is not
written: this is longer than a month, so that people are notified of the use of a budget once in a month."""

BENCHMARK_RETENTION = timedelta(days=365)
"""Drivers and frameworks change, so an older benchmark says little about current performance."""

TOKEN_VALID_FOR = timedelta(days=90)
"""Time for which a token is valid if the admin who creates it gives no other. It is kept until it expires."""

INDEX_LAG = timedelta(minutes=10)
"""Time after which every index of DynamoDB shows a write. Normally it takes a fraction of a second:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html"""

BUDGET_GUARD_RETENTION = timedelta(days=40)
"""Time for which the guard of a budget is kept after the last launch or start: longer than a month."""

# Benchmarks and sessions

BENCHMARK_TIMEOUT = timedelta(minutes=30)
"""Enough for 20 measurements of 20 seconds on 8 GPUs, and for loading PyTorch from a new disk."""

CREDENTIALS_VALID_FOR = timedelta(hours=1)
"""Longest validity that STS allows for the credentials of a session: gpudesk's function has a role itself, and role
chaining ends after 1 hour. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining"""

# Spot

INTERRUPTION_OVERDUE_AFTER = timedelta(minutes=10)
"""Time after the announced interruption of a spot instance. EC2 announces it two minutes before. An instance that still
runs is not interrupted, and another warning may follow."""

SPOT_REQUEST_GRACE = VISIBILITY_GRACE
"""Time after the last change of a spot request in which it may have an instance that EC2 does not show yet."""

SPOT_REQUESTS_READ_EVERY = timedelta(minutes=10)
"""Interval in which a sweep reads the spot requests of a region. A forgotten one costs nothing until EC2 launches an
instance for it."""

# Warnings and notifications

WARNING_DELIVERY_WAIT = timedelta(minutes=10)
"""Time for which a stop waits for the delivery of its warning. A self-stop waits longer (`idle/self_stop.py`)."""

USER_RESPONSE_WAIT = timedelta(minutes=5)
"""Time to react after a warning is delivered, also if it is delivered late. If the warning period is shorter, that
period is used instead."""

WARNING_RETRY_INTERVAL = timedelta(minutes=2)
"""A stop warning must arrive within minutes, so its delivery is retried often."""

DELIVERY_RETRY_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 1, 2, 4, 8, 15, 30))
"""Pauses between the attempts to deliver any other notification on one channel. The last pause repeats."""

CONFIRMATION_VALID_FOR = timedelta(days=2)
"""Time after which the link in SNS's request for confirmation no longer works:
https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html"""

NOTIFICATION_EXPIRY = timedelta(hours=6)
"""Time after which an undelivered notification is outdated. The timeline still has the entry."""

REMINDER_INTERVAL = timedelta(days=1)
"""Time after which people are notified again that AWS bills an instance that gpudesk cannot stop by itself."""

UNKNOWN_ACTIVITY_NOTIFY_AFTER = timedelta(minutes=15)
"""Time of unknown activity after which the owner and the admins are notified."""

# Images

SANITIZE_DEADLINE = timedelta(minutes=20)
"""From sending the document that removes the secrets to its end: 10 minutes for the delivery, and seconds of work."""

IMAGE_RETRY_AFTER = timedelta(minutes=3)
"""CreateImage takes no client token. So the call is repeated only when an image of the first call would be visible.
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateImage.html"""

IMAGE_DEADLINE = timedelta(hours=6)
"""From the request to the finished image. A termination waits for the image until then. The first snapshot of a disk of
some hundred GiB takes most of an hour; if it has taken six, it does not finish."""

RESTORE_DEADLINE = IMAGE_DEADLINE + timedelta(hours=2)
"""From the request to the restored secrets. If an instance takes no command for two hours after the image is finished,
a person must restore the secrets."""

# Moves

MOVE_IMAGE_DEADLINE = IMAGE_DEADLINE
"""Time for the image of a move, and again for its copy to another region. The disk is copied in both."""

MOVE_LAUNCH_DEADLINE = timedelta(hours=3)
"""Time from the launch at the target until the instance is ready. A setup that skips what the disk has takes minutes, a
complete one most of an hour, with up to three attempts for each document. Both machines cost money meanwhile."""

MOVE_LEFTOVER_AFTER = timedelta(hours=1)
"""Time after the end of a move after which people are notified of what could not be deleted."""

# Foreign instances

ADOPTION_KEEP = timedelta(hours=24)
"""Time for which an instance is kept whose adoption an admin requested. The notification of the adoption is its first
warning, and whoever uses the instance may read it a day later."""

# Sweep

SWEEP_OVERDUE_AFTER = timedelta(minutes=10)
"""A sweep runs each minute. If ten in a row did not complete, the sweep is broken."""
