"""Delays and strictness of the local cloud. All durations are on the cloud's clock."""

from dataclasses import dataclass
from datetime import timedelta

NO_DELAY = timedelta(0)


@dataclass(frozen=True)
class AwsTiming:
    """Delays of AWS. The defaults are those of a launch in a quiet region.

    :param launch_hidden_for: time after RunInstances in which other calls do not see the instance
    :param pending_for: from pending to running, after a launch and after a start
    :param stopping_for: from stopping to stopped
    :param terminating_for: from shutting-down to terminated
    :param terminated_visible_for: time in which a terminated instance can be described
    :param agent_online_after: from running to the first ping of the SSM agent
    :param bare_metal_boot_for: the same in addition for a bare metal type, which tests its hardware first
    :param ping_interval: between two pings of an agent
    :param ping_lost_after: age of the last ping at which Online becomes ConnectionLost
    :param invocation_hidden_for: time after SendCommand in which its invocations do not exist
    :param min_invocation_for: shortest time that a document takes on an instance
    :param image_creation_for: from CreateImage to an available AMI
    :param client_token_valid_for: time in which a ClientToken of RunInstances is remembered
    :param is_strict: do what AWS does where moto is laxer: refuse unknown AMIs, instance types that a zone does not
        offer, and documents that no agent can run; run commands on their instances instead of reporting success at once
    """

    launch_hidden_for: timedelta = NO_DELAY
    pending_for: timedelta = timedelta(seconds=8)
    stopping_for: timedelta = timedelta(seconds=30)
    terminating_for: timedelta = timedelta(seconds=30)
    terminated_visible_for: timedelta = timedelta(hours=1)
    agent_online_after: timedelta = timedelta(seconds=25)
    bare_metal_boot_for: timedelta = timedelta(minutes=20)
    ping_interval: timedelta = timedelta(minutes=5)
    ping_lost_after: timedelta = timedelta(minutes=10)
    invocation_hidden_for: timedelta = NO_DELAY
    min_invocation_for: timedelta = NO_DELAY
    image_creation_for: timedelta = timedelta(minutes=4)
    client_token_valid_for: timedelta = timedelta(hours=24)
    is_strict: bool = True

    @classmethod
    def instant(cls) -> "AwsTiming":
        """Return a timing without delays and strictness, as moto's own users expect it."""
        return cls(
            pending_for=NO_DELAY,
            stopping_for=NO_DELAY,
            terminating_for=NO_DELAY,
            agent_online_after=NO_DELAY,
            bare_metal_boot_for=NO_DELAY,
            image_creation_for=NO_DELAY,
            is_strict=False,
        )
