"""How slow, laggy and strict the local cloud is: every delay in one place, all of it cloud time."""

from dataclasses import dataclass
from datetime import timedelta

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class AwsTiming:
    """What AWS takes its time for. The defaults are what a launch in a quiet region looks like.

    :param launch_lag: for how long after RunInstances every other call says that the instance does not exist
    :param pending_for: from pending to running, at a launch and at a start
    :param stopping_for: from stopping to stopped
    :param terminating_for: from shutting-down to terminated
    :param terminated_visible_for: how long a terminated instance can still be described
    :param agent_after_boot: from running to the SSM agent's first ping
    :param ping_every: between two pings of an agent
    :param ping_lost_after: how old the last ping is when Online becomes ConnectionLost
    :param invocation_visible_after: for how long after SendCommand its invocations do not exist yet
    :param invocation_lasts: the least time a document takes on the machine
    :param image_takes: from CreateImage to an AMI that is available
    :param token_life: how long a ClientToken of RunInstances is remembered
    :param is_strict: do what AWS does where moto is laxer: refuse unknown AMIs, a type that a zone does not offer,
        documents that no agent could run; run commands on their instances instead of calling them done
    """

    launch_lag: timedelta = AT_ONCE
    pending_for: timedelta = timedelta(seconds=8)
    stopping_for: timedelta = timedelta(seconds=30)
    terminating_for: timedelta = timedelta(seconds=30)
    terminated_visible_for: timedelta = timedelta(hours=1)
    agent_after_boot: timedelta = timedelta(seconds=25)
    ping_every: timedelta = timedelta(minutes=5)
    ping_lost_after: timedelta = timedelta(minutes=10)
    invocation_visible_after: timedelta = AT_ONCE
    invocation_lasts: timedelta = AT_ONCE
    image_takes: timedelta = timedelta(minutes=4)
    token_life: timedelta = timedelta(hours=24)
    is_strict: bool = True

    @classmethod
    def instant(cls) -> "AwsTiming":
        """No delay and no strictness: what moto's own users expect of moto."""
        return cls(
            pending_for=AT_ONCE,
            stopping_for=AT_ONCE,
            terminating_for=AT_ONCE,
            agent_after_boot=AT_ONCE,
            image_takes=AT_ONCE,
            is_strict=False,
        )
