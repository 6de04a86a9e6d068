"""Decide which records count towards a quota of EC2, which launches may wait for one, and which comes first."""

from datetime import datetime

from chalicelib.domain.instances.ec2_instance import QUOTA_STATES
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance, Phase


def uses_quota(record: Instance) -> bool:
    """Return whether a record has an instance that EC2 counts, or is about to have one.

    A launch or a start that waits for capacity can wait for days, and EC2 counts neither.
    """
    if record.ec2_instance is None:
        is_waiting = may_wait_for_quota(record) or _waits_for_capacity(record.launch)
        return record.phase in LAUNCHING_PHASES and not is_waiting
    is_starting = record.phase is Phase.BOOTING and record.start.refused_since is None
    return record.ec2_instance.state in QUOTA_STATES or is_starting


def may_wait_for_quota(record: Instance) -> bool:
    """Return whether a record is of a launch that waits for its quota, or that gpudesk has not decided on yet."""
    wait, choice = record.launch.quota_wait, record.spec.launch_choice
    if wait is None and choice is not None and choice.has_other_quotas:
        return False
    return record.spec.wait_for_quota and _is_unlaunched(record) and (wait is None or not wait.is_over)


def is_requested_after(record: Instance, launch: Instance) -> bool:
    """Return whether a launch comes after another one, and gpudesk has tried nothing for it that EC2 could count.

    Without an order, launches that are requested at the same time would leave a quota to each other.
    """
    return _is_unlaunched(record) and get_request_order(record) > get_request_order(launch)


def get_request_order(record: Instance) -> tuple[datetime, str]:
    """Return the key by which launches are sorted that compete for a quota: the first request comes first."""
    return record.created_at, record.id


def _is_unlaunched(record: Instance) -> bool:
    return record.phase in LAUNCHING_PHASES and record.ec2_instance is None and record.launch.attempt is None


def _waits_for_capacity(launch: LaunchState) -> bool:
    """Return whether a launch pauses after a pass over all of its offers."""
    return launch.attempt is None and launch.pass_number > 1 and launch.retry_at is not None
