"""Decide what follows from an error of AWS at a launch: the next offer, the same request again, or a failure."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import (
    AwsError,
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    PrerequisiteMissing,
    QuotaExceeded,
    RegionNotEnabled,
    RegionPending,
    RepeatedRefusal,
)
from chalicelib.domain.common.deadlines import LAUNCH_RETRY_AFTER, PREREQUISITE_VISIBILITY_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.instances.launch_tries import CAPACITY_RESULTS, LaunchTry, TryResult
from chalicelib.domain.instances.lifecycle import quota_refusals
from chalicelib.domain.instances.lifecycle.launch_failure import fail_launch
from chalicelib.domain.instances.lifecycle.launch_pass import (
    PENDING_CODE,
    add_try,
    end_pass,
    leave_region_out,
    require_attempt_offer,
    try_next_offer,
)
from chalicelib.domain.instances.lifecycle.quota_retries import list_refusals
from chalicelib.domain.instances.lifecycle.refusal_advice import find_launch_advice
from chalicelib.domain.instances.outcome import NoOfferLeft
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance


def record_launch_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """Record that AWS did not launch the instance, or that it is not known whether it did."""
    match error:
        case InsufficientCapacity():
            return _record_refusal(instance, error, now)
        case QuotaExceeded() if can_leave_offer(instance):
            return _leave_quota_out(instance, error, now)
        case QuotaExceeded():
            return _fail_for_quota(_add_refusal(instance, error, now), error, now)
        case RegionPending() | RegionNotEnabled() if can_leave_region(instance):
            return leave_region_out(instance, error.code, error.description, now)
        case PermanentAwsError():
            advice = find_launch_advice(instance, error)
            cause = f"{error.description} Nothing was launched."
            rejected_by = "gpudesk" if isinstance(error, PrerequisiteMissing) else "AWS"
            refused = _add_refusal(instance, error, now)
            return fail_launch(refused, EventCode.LAUNCH_REFUSED, cause, now, advice, rejected_by=rejected_by)
        case AwsNotFound():
            return _wait_for_prerequisite(instance, error, now)
        case _:
            message = (
                f"AWS gave no definite response to the launch of {instance.name} ({error.code}). gpudesk sends the "
                "same request again."
            )
            return _retry_later(instance, error, message, now)


def _wait_for_prerequisite(instance: Instance, error: AwsNotFound, now: datetime) -> Plan:
    """Send the request again for some minutes: AWS does not know an id that the deployment may just have created."""
    since = instance.launch.not_found_since or now
    if now - since > PREREQUISITE_VISIBILITY_DEADLINE:
        cause = (
            f"{error.description} AWS has given this answer for "
            f"{format_duration(PREREQUISITE_VISIBILITY_DEADLINE)}. Nothing was launched."
        )
        advice = (
            "Ask an admin to check what "
            "gpudesk uses in this region (instance profile, AMI, security group, subnet), then launch again."
        )
        refused = _add_refusal(instance, error, now)
        return fail_launch(refused, EventCode.LAUNCH_REFUSED, cause, now, advice, rejected_by="AWS")
    message = f"AWS does not know everything yet that {instance.name} needs. {error.description} gpudesk tries again."
    waiting = replace(instance, launch=replace(instance.launch, not_found_since=since))
    return _retry_later(waiting, error, message, now)


def _add_refusal(instance: Instance, error: AwsError, now: datetime) -> Instance:
    """Return the record with a definite refusal among its tries, if EC2 was asked for an offer."""
    attempt = instance.launch.attempt
    if attempt is None or isinstance(error, PrerequisiteMissing):
        return instance
    match error:
        case QuotaExceeded():
            result = TryResult.QUOTA_EXCEEDED
        case RegionPending() | RegionNotEnabled():
            result = TryResult.REGION_UNAVAILABLE
        case _:
            result = TryResult.REFUSED
    return add_try(
        instance, LaunchTry(offer=attempt.offer, result=result, at=now, code=error.code, message=error.message)
    )


def _retry_later(instance: Instance, error: AwsError, message: str, now: datetime) -> Plan:
    reason = EventReason(code=EventCode.RETRYING, message=message)
    launch = replace(instance.launch, retry_at=now + LAUNCH_RETRY_AFTER, last_error=error.description)
    return Plan(instance=replace(instance, reason=reason, launch=launch), reason=reason)


def can_leave_offer(instance: Instance) -> bool:
    """Return whether the launch may try another type, region or market than that of its attempt."""
    choice = instance.spec.launch_choice
    return choice is not None and choice.has_other_offers and instance.launch.attempt is not None


def can_leave_region(instance: Instance) -> bool:
    """Return whether the launch may try another region than that of its attempt."""
    choice = instance.spec.launch_choice
    return choice is not None and not choice.is_region_fixed and instance.launch.attempt is not None


def _record_refusal(instance: Instance, error: InsufficientCapacity, now: datetime) -> Plan:
    """Try the next offer at once, or all of them again after a pause if none is left in this pass."""
    if instance.launch.attempt is None:
        above_maximum = error.above_maximum if isinstance(error, NoOfferLeft) else instance.launch.above_maximum
        return end_pass_or_fail(replace(instance, launch=replace(instance.launch, above_maximum=above_maximum)), now)
    offer = instance.launch.attempt.offer
    message = (
        f"{offer.zone} has no capacity for {instance.name} ({offer.instance_type}). {error.description} gpudesk tries "
        "the next offer."
    )
    result = TryResult.SKIPPED if isinstance(error, RepeatedRefusal) else TryResult.NO_CAPACITY
    latest = LaunchTry(offer=offer, result=result, at=now, code=error.code, message=error.message)
    reason = EventReason(code=EventCode.ZONE_NO_CAPACITY, message=message)
    return try_next_offer(instance, latest, reason, now)


def _leave_quota_out(instance: Instance, error: QuotaExceeded, now: datetime) -> Plan:
    """Try the next offer that uses another quota."""
    offer = require_attempt_offer(instance)
    message = (
        f"A quota of the AWS account does not allow a {offer.instance_type} in {offer.region} for {instance.name}. "
        f"{error.description} gpudesk tries the next offer."
    )
    latest = LaunchTry(offer=offer, result=TryResult.QUOTA_EXCEEDED, at=now, code=error.code, message=error.message)
    reason = EventReason(code=EventCode.OFFER_LEFT_OUT, message=message)
    return try_next_offer(instance, latest, reason, now)


def end_pass_or_fail(instance: Instance, now: datetime) -> Plan:
    """End a pass in which nothing is left, or the launch if its cause does not pass by itself.

    Lack of capacity passes, and so does the validation of an account.
    """
    tries = instance.launch.tries_of_pass
    passing = [each for each in tries if each.result in CAPACITY_RESULTS]
    quotas = [each for each in tries if each.result is TryResult.QUOTA_EXCEEDED]
    regions = [each for each in tries if each.result is TryResult.REGION_UNAVAILABLE]
    if passing or not tries:
        return end_pass(instance, now)
    if quotas:
        refused = next(iter(list_refusals(quotas)), quotas[0])
        return _fail_for_quota(instance, QuotaExceeded(refused.code, refused.message), now)
    if all(each.code == PENDING_CODE for each in regions):
        return end_pass(instance, now)
    cause = f"{regions[-1].message} No other region is left. Ask an admin to enable a region, then launch again."
    return fail_launch(instance, EventCode.LAUNCH_REFUSED, cause, now, rejected_by="AWS")


def _fail_for_quota(instance: Instance, error: QuotaExceeded, now: datetime) -> Plan:
    """Let the launch wait for the quota if its request says so; otherwise fail."""
    waiting = quota_refusals.wait_after_refusal(instance, error, now)
    cause = quota_refusals.describe_quota_refusal(instance, error)
    return waiting or fail_launch(instance, EventCode.QUOTA_EXCEEDED, cause, now)
