"""Decide what follows when EC2 refuses a launch for a quota in vCPUs: the launch waits, or fails with what to do."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.quota_texts import describe_launch_advice, describe_need, describe_start_advice
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.common.aws_errors import QuotaExceeded
from chalicelib.domain.common.deadlines import QUOTA_WAIT_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, join_and
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import CAPACITY_RESULTS, LaunchOffer, LaunchTry
from chalicelib.domain.instances.lifecycle.launch_pass import to_next_pass
from chalicelib.domain.instances.lifecycle.plans import record_event, with_phase
from chalicelib.domain.instances.lifecycle.quota_retries import (
    VCPU_CODES,
    find_quota_key,
    list_last_refusals,
    list_refusals,
)
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.quota_wait import QuotaWait
from chalicelib.domain.instances.record import Instance, Phase

DISK_CODES = ("VolumeLimitExceeded", "MaxIOPSLimitExceeded")
"""Errors about the quotas of volumes."""


def wait_after_refusal(instance: Instance, error: QuotaExceeded, now: datetime) -> Plan | None:
    """Return the plan of a launch that waits after the refusal; None: it does not wait for this quota.

    Admins are notified when the wait begins, not after each further refusal. After the wait a new pass begins.

    :param error: the first refusal for a quota in the pass, that of the preferred offer
    """
    if not instance.spec.wait_for_quota or error.code not in VCPU_CODES:
        return None
    before = instance.launch.quota_wait
    refusal = f"EC2 refused it: {error.description}{_describe_launch_need(instance)}"
    wait = replace(before or QuotaWait(since=now), refused_at=now, refusal=refusal, is_over=False, exceeded=())
    choice = instance.spec.launch_choice
    has_other_quotas = choice is not None and choice.has_other_quotas
    others = _describe_other_quotas(instance) if has_other_quotas else ""
    reason = build_waiting_reason(instance, f"{refusal}{others}", wait.since, has_other_quotas=has_other_quotas)
    launch = replace(to_next_pass(instance.launch), tried_before=(), retry_at=None, quota_wait=wait)
    # A launch that moves stays in its phase: its former place is taken back if it takes too long.
    requested = instance if instance.move else with_phase(instance, Phase.REQUESTED, reason, now)
    waiting = replace(requested, reason=reason, launch=launch)
    return Plan(instance=waiting, reason=reason) if before else record_event(waiting, reason, now)


def wait_beside_capacity(instance: Instance, now: datetime) -> Plan | None:
    """Return the plan of a launch that waits for the quota of one offer after others had no capacity for too long.

    :returns: None: it has no such offer, does not wait for quotas, or has waited for as long as it may
    """
    refusals, wait = _list_known_refusals(instance.launch), instance.launch.quota_wait
    if not refusals or now >= find_wait_end(instance, wait.since if wait else now):
        return None
    return wait_after_refusal(instance, QuotaExceeded(refusals[0].code, refusals[0].message), now)


def find_wait_end(instance: Instance, since: datetime) -> datetime:
    """Return until when a launch waits for a quota: `wait_until` of its request bounds this wait, too."""
    choice, longest = instance.spec.launch_choice, since + QUOTA_WAIT_DEADLINE
    return min(choice.wait_until, longest) if choice and choice.wait_until else longest


def build_waiting_reason(
    instance: Instance, cause: str, since: datetime, *, has_other_quotas: bool = False
) -> EventReason:
    """Return why a launch waits and until when.

    :param cause: sentences
    :param has_other_quotas: its offers use several quotas, and one of them must suffice
    """
    quota = "one of its quotas" if has_other_quotas else "the quota"
    message = (
        f"{instance.name} waits for a larger quota, and costs nothing meanwhile. {cause} gpudesk waits until "
        f"{format_date_time(find_wait_end(instance, since))} and launches it as soon as {quota} is large enough. To "
        "cancel it, terminate it."
    )
    return EventReason(code=EventCode.WAITING_FOR_QUOTA, message=message)


def describe_quota_advice(instance: Instance) -> str:
    """Return what people can do about a start that EC2 refused for a quota in vCPUs, as sentences."""
    code = find_quota_code(instance.spec.hardware.instance_type, instance.spec.market)
    if code is None:
        return "Ask an admin to request an increase in Service Quotas, and start it again."
    return describe_start_advice(code)


def describe_quota_refusal(instance: Instance, error: QuotaExceeded) -> str:
    """Return why the launch failed and what people can do, as sentences.

    :param error: the first refusal for a quota in the pass, that of the preferred offer
    """
    offer = _find_refused_offer(instance)
    code, need = find_quota_code(offer.instance_type, offer.market), _describe_launch_need(instance)
    if code is None or error.code not in VCPU_CODES:
        smaller = "with a smaller disk" if error.code in DISK_CODES else "a smaller or another type"
        return (
            f"The quota of the AWS account is exceeded. {error.description} Ask an admin to request an increase in "
            f"Service Quotas, or launch {smaller}."
        )
    moving = f"Ask an admin to request an increase of {code}, then move {instance.name} again."
    advice = moving if instance.is_launching_for_move else describe_launch_advice(code, None)
    return f"A quota of the AWS account is exceeded. {error.description}{need} {advice}"


def _describe_launch_need(instance: Instance) -> str:
    """Return which quota the refused offer needs and how much of it, as a sentence after a space; empty: unknown."""
    offer, hardware = _find_refused_offer(instance), instance.spec.hardware
    code = find_quota_code(offer.instance_type, offer.market)
    vcpus = hardware.vcpus if hardware.instance_type == offer.instance_type else None
    return f" {describe_need(code, offer.region, offer.instance_type, vcpus)}" if code else ""


def _find_refused_offer(instance: Instance) -> LaunchOffer:
    """Return the first offer that EC2 refused for a quota: the record has the type and the region of the last one."""
    refusals, spec = _list_known_refusals(instance.launch), instance.spec
    if refusals:
        return refusals[0].offer
    return LaunchOffer(
        instance_type=spec.hardware.instance_type, region=spec.region, zone=f"{spec.region}a", market=spec.market
    )


def _list_known_refusals(launch: LaunchState) -> list[LaunchTry]:
    """Return the refusals for a quota in the last pass, or those of offers that it did not try again."""
    return list_last_refusals(launch) or list_refusals(launch.tries)


def _describe_other_quotas(instance: Instance) -> str:
    """Return the other offers with which the launch could go on, as sentences after a space.

    The next decision, which reads the quotas, describes each of them.
    """
    first = find_quota_key(_find_refused_offer(instance))
    offers = {find_quota_key(each.offer): each.offer for each in list_last_refusals(instance.launch)}
    refused = [
        f"{find_quota_code(offer.instance_type, offer.market) or offer.instance_type} in {offer.region}"
        for key, offer in offers.items()
        if key != first
    ]
    capacity = ""
    if any(each.result in CAPACITY_RESULTS for each in instance.launch.tries):
        capacity = " AWS had no capacity for others of its offers."
    if refused:
        return f" EC2 refused its other offers for a quota, too: {join_and(refused)}.{capacity}"
    return capacity or " The quota of another of its offers would do, too."
