"""Describe the quotas that a launch waits for, with what EC2 said of them and the requests to increase them."""

from collections.abc import Iterator, Sequence

from chalicelib.domain.common.text import format_date_time, pluralize
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.lifecycle.quota_retries import find_own_refusal_time
from chalicelib.domain.instances.quota_wait import ObservedQuota

MAX_DESCRIBED = 3
"""A launch in all regions on both markets can use a dozen quotas. People read a few."""


def describe_quotas(launch: LaunchState, quotas: Sequence[ObservedQuota]) -> str:
    """Return what is known of the quotas of a launch, as sentences.

    Of many, they name the one of the first offer, and prefer those that somebody wants to increase.

    :param quotas: that of the first offer at the beginning; at least one
    """
    if len(quotas) == 1:
        return f"{_describe_single(launch, quotas[0])} {quotas[0].request}"
    return f"One of its quotas must suffice. {' '.join(_list_sentences(launch, quotas))}"


def _list_sentences(launch: LaunchState, quotas: Sequence[ObservedQuota]) -> Iterator[str]:
    first, *others = quotas
    # The sort is stable, so the rest stays in the order of the offers.
    shown = [first, *sorted(others, key=lambda each: not each.is_requested)][:MAX_DESCRIBED]
    for quota in shown:
        yield f"{_describe_one_of_several(launch, quota)} {quota.request}"
    if len(shown) < len(quotas):
        yield f"{pluralize(len(quotas) - len(shown), 'other quota')} would do, too."


def _describe_single(launch: LaunchState, quota: ObservedQuota) -> str:
    """Return the reading of the only quota, or the refusal of EC2 if that is newer: the reading would contradict it."""
    wait = launch.quota_wait
    if wait is None or wait.refused_at is None or (quota.read_at is not None and quota.read_at > wait.refused_at):
        return quota.message
    return f"{wait.refusal} {quota.last_reading}"


def _describe_one_of_several(launch: LaunchState, quota: ObservedQuota) -> str:
    refused_at = find_own_refusal_time(launch, quota.key)
    if refused_at is None or (quota.read_at is not None and quota.read_at > refused_at):
        return quota.message
    return f"{quota.need} EC2 refused the launch at {format_date_time(refused_at)}. {quota.last_reading}"
