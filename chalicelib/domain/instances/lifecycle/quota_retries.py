"""Decide whether EC2 may accept a waiting launch now, from its own refusals and from what was read of a quota.

One refusal of EC2 allows one try for each newer reading of the quota. An older reading that already showed the quota as
exceeded agrees with the refusal, so the launch is also tried when instances of gpudesk have ended since.
"""

from collections.abc import Iterable
from datetime import datetime

from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.common.deadlines import QUOTA_RETRY
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import LaunchOffer, LaunchTry, TryResult
from chalicelib.domain.instances.quota_wait import build_quota_key

VCPU_CODES = ("VcpuLimitExceeded", "MaxSpotInstanceCountExceeded", "InstanceLimitExceeded")
"""Errors about the quotas in vCPUs. The others are about volumes and network interfaces."""


def can_try(launch: LaunchState, key: str, *, fits: bool | None, read_at: datetime | None, now: datetime) -> bool:
    """Return whether a launch may be tried with a quota now.

    :param key: of the quota
    :param fits: whether the launch fits into what is free; None: unknown
    :param read_at: when the quota was read; None: never
    """
    if fits is False:
        return False
    wait, refused_at = launch.quota_wait, find_refusal_time(launch, key)
    if wait is None or refused_at is None:
        return True
    if fits is None:
        return now - refused_at >= QUOTA_RETRY
    return key in wait.exceeded or (read_at is not None and read_at > refused_at)


def find_refusal_time(launch: LaunchState, key: str) -> datetime | None:
    """Return since when a launch cannot use a quota as far as EC2 has shown; None: EC2 has not refused it.

    A quota that EC2 was not asked for in the last pass did not help the launch then either.
    """
    wait = launch.quota_wait
    return find_own_refusal_time(launch, key) or (wait.refused_at if wait else None)


def find_own_refusal_time(launch: LaunchState, key: str) -> datetime | None:
    """Return when EC2 refused a waiting launch for one quota in its last pass; None: it did not."""
    refusals = list_last_refusals(launch)
    return max((each.at for each in refusals if find_quota_key(each.offer) == key), default=None)


def list_refusals(tries: Iterable[LaunchTry]) -> list[LaunchTry]:
    """Return the tries that EC2 refused for a quota in vCPUs, in their order."""
    return [each for each in tries if each.result is TryResult.QUOTA_EXCEEDED and each.code in VCPU_CODES]


def list_last_refusals(launch: LaunchState) -> list[LaunchTry]:
    """Return the refusals for a quota in the last pass with a try, that of the preferred offer at the beginning."""
    last = max((each.pass_number for each in launch.tries), default=launch.pass_number)
    return [each for each in list_refusals(launch.tries) if each.pass_number == last]


def find_quota_key(offer: LaunchOffer) -> str:
    """Return the key of the quota that an offer uses."""
    return build_quota_key(offer.region, find_quota_code(offer.instance_type, offer.market))
