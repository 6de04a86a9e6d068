"""Decide what follows from an error of AWS at a launch: another zone, the same request again, or a failure."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import (
    AwsError,
    AwsNotFound,
    InsufficientCapacity,
    PermanentAwsError,
    PrerequisiteMissing,
    QuotaExceeded,
)
from chalicelib.domain.common.deadlines import CAPACITY_RETRY, LAUNCH_RETRY_AFTER, PREREQUISITE_VISIBILITY_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.instances.lifecycle import quota_refusals
from chalicelib.domain.instances.lifecycle.market_fallback import fall_back
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts, record_once
from chalicelib.domain.instances.lifecycle.plans import record_event, with_phase
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase

ADVICE_BY_CODE = {
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": (
        "The first spot launch of an AWS account creates the service-linked role of EC2 Spot. gpudesk needs "
        "iam:CreateServiceLinkedRole for that. Ask an admin to create it once (aws iam create-service-linked-role "
        "--aws-service-name spot.amazonaws.com), then launch again."
    )
}
"""What to do about an error of a launch, by AWS's code.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/service-linked-roles-spot-instance-requests.html
"""


def record_launch_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """Record that AWS did not launch the instance, or that it is not known whether it did."""
    is_zone_left = isinstance(error, InsufficientCapacity) and instance.launch.attempt is not None
    other_market = None if is_zone_left else fall_back(instance, error, now)
    if other_market:
        return other_market
    match error:
        case InsufficientCapacity():
            return _retry_without_capacity(instance, error, now)
        case QuotaExceeded():
            waiting = quota_refusals.wait_after_refusal(instance, error, now)
            cause = quota_refusals.describe_refusal(instance, error)
            return waiting or fail_launch(instance, EventCode.QUOTA_EXCEEDED, cause, now)
        case PermanentAwsError():
            advice = ADVICE_BY_CODE.get(error.code, "Change the request or ask an admin, then launch again.")
            cause = f"{error.description} Nothing was launched. {advice}"
            rejected_by = "gpudesk" if isinstance(error, PrerequisiteMissing) else "AWS"
            return fail_launch(instance, EventCode.LAUNCH_REFUSED, cause, now, rejected_by=rejected_by)
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
            f"{error.description} AWS has answered so for {format_duration(PREREQUISITE_VISIBILITY_DEADLINE)}. Nothing "
            "was launched. Ask an admin to check what gpudesk uses in this region (instance profile, AMI, security "
            "group, subnet), then launch again."
        )
        return fail_launch(instance, EventCode.LAUNCH_REFUSED, cause, now, rejected_by="AWS")
    message = f"AWS does not know everything yet that {instance.name} needs. {error.description} gpudesk tries again."
    waiting = replace(instance, launch=replace(instance.launch, not_found_since=since))
    return _retry_later(waiting, error, message, now)


def _retry_later(instance: Instance, error: AwsError, message: str, now: datetime) -> Plan:
    reason = EventReason(code=EventCode.RETRYING, message=message)
    launch = replace(instance.launch, retry_at=now + LAUNCH_RETRY_AFTER, last_error=error.description)
    return Plan(instance=replace(instance, reason=reason, launch=launch), reason=reason)


def _retry_without_capacity(instance: Instance, error: InsufficientCapacity, now: datetime) -> Plan:
    """Try another zone at once, or all zones again after `CAPACITY_RETRY` if none has capacity."""
    attempt, launch = instance.launch.attempt, instance.launch
    if attempt is not None:
        message = f"{attempt.zone} has no capacity for {instance.name}. {error.description} gpudesk tries another zone."
        return try_another_zone(instance, attempt.zone, message, now)
    message = f"No zone of {instance.spec.region} has capacity for {instance.name} now. gpudesk tries again."
    reason = EventReason(code=EventCode.NO_CAPACITY_YET, message=message)
    zones = launch.zones_without_capacity
    if not set(zones) <= set(launch.zones_in_timeline):
        instance = forget_facts(instance, EventCode.NO_CAPACITY_YET)
    in_timeline = tuple(dict.fromkeys((*launch.zones_in_timeline, *zones)))
    launch = replace(launch, zones_without_capacity=(), zones_in_timeline=in_timeline, retry_at=now + CAPACITY_RETRY)
    later = replace(instance, reason=reason, launch=replace(launch, last_error=None))
    return record_once(later, EventCode.NO_CAPACITY_YET, reason, now)


def try_another_zone(instance: Instance, zone: str, message: str, now: datetime, **details: str) -> Plan:
    """Exclude a zone until all zones are tried again, and launch in another one at once.

    :param message: why, for the timeline; it is written in the first round over the zones only
    """
    launch = instance.launch
    reason = EventReason(code=EventCode.ZONE_NO_CAPACITY, message=message)
    changed = replace(
        launch,
        attempt=None,
        zones_without_capacity=(*launch.zones_without_capacity, zone),
        retry_at=None,
        last_error=None,
        not_found_since=None,
    )
    plan = record_event(replace(instance, launch=changed), reason, now, zone=zone, **details)
    return replace(
        plan, timeline=() if zone in launch.zones_in_timeline and not details else plan.timeline, requeue=True
    )


def fail_launch(instance: Instance, code: EventCode, cause: str, now: datetime, **details: str) -> Plan:
    """End the launch. No EC2 instance runs.

    :param cause: why, and what to do, in sentences
    """
    reason = EventReason(code=code, message=f"{instance.name} could not be launched. {cause}")
    failed = replace(instance, launch=replace(instance.launch, attempt=None))
    return record_event(with_phase(failed, Phase.FAILED, reason, now), reason, now, **details)
