"""From a request to an EC2 instance."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.errors import CloudError, GiveUp, NoCapacity, OverQuota
from chalicelib.domain.instance import Desired, Instance, Phase
from chalicelib.domain.lifecycle.rules import because, entry, gone, moved, nothing, told
from chalicelib.domain.plan import Launch, Plan, Resolved, ResolveLaunch
from chalicelib.domain.timings import ATTEMPT_CERTAIN, CAPACITY_RETRY, LAUNCH_DEADLINE

RETRY = timedelta(seconds=20)


def decide(instance: Instance, now: datetime) -> Plan:
    """What follows while there is no machine yet."""
    attempt = instance.attempt
    is_sent = attempt is not None and attempt.sent_at is not None
    if instance.spec.desired is not Desired.RUNNING:
        return _cancelled(instance, now)
    if instance.retry_at and now < instance.retry_at:
        return nothing(instance, "waiting_to_retry", f"asking AWS again at {instance.retry_at:%H:%M:%S} UTC")
    if now - instance.created_at > LAUNCH_DEADLINE and instance.attempts and not is_sent:
        sentence = (
            f"no {instance.spec.instance_type} was to be had in {instance.spec.region} for "
            f"{LAUNCH_DEADLINE.seconds // 60} minutes; ask for another type or region, or later again"
        )
        return failed(instance, "no_capacity", sentence, now)
    if attempt is None:
        return Plan(
            instance=instance,
            reason=because("resolving", "looking up image, subnet and zone"),
            step=ResolveLaunch(instance.refused_zones),
        )
    sending = attempt if is_sent else replace(attempt, sent_at=now)
    return Plan(
        instance=replace(instance, attempt=sending, retry_at=None),
        reason=because("launching", f"asking EC2 for a {attempt.instance_type} in {attempt.zone}"),
        step=Launch(sending),
    )


def resolved(instance: Instance, outcome: Resolved, now: datetime) -> Plan:
    """The request is complete: frozen before it is sent."""
    attempt = outcome.attempt
    reason = because("launching", f"launching a {attempt.instance_type} in {attempt.zone}")
    return Plan(
        instance=replace(
            moved(instance, Phase.LAUNCHING, reason, now), attempt=attempt, attempts=attempt.number, retry_at=None
        ),
        reason=reason,
        entries=(entry(now, reason, details={"image_id": attempt.image_id, "zone": attempt.zone}),),
        again=True,
    )


def refused(instance: Instance, error: CloudError, now: datetime) -> Plan:
    """AWS did not launch it, or we do not know."""
    attempt = instance.attempt
    match error:
        case NoCapacity() if attempt is not None:
            zones = (*instance.refused_zones, attempt.zone)
            reason = because("zone_refused", f"{attempt.zone}: {error.message} ({error.code}); trying another zone")
            plan = told(replace(instance, attempt=None, refused_zones=zones), reason, now, zone=attempt.zone)
            return replace(plan, again=True)
        case NoCapacity():
            reason = because("no_capacity_yet", f"no zone of {instance.spec.region} has one now; trying again")
            return told(replace(instance, refused_zones=(), retry_at=now + CAPACITY_RETRY), reason, now)
        case OverQuota():
            sentence = (
                f"the AWS account's quota does not allow it: {error.message} ({error.code}). Ask the admin to request "
                "an increase in Service Quotas, or ask for a smaller or another type"
            )
            return failed(replace(instance, attempt=None), "over_quota", sentence, now)
        case GiveUp():
            sentence = f"AWS refused the launch: {error.message} ({error.code})"
            return failed(replace(instance, attempt=None), "launch_refused", sentence, now)
        case _:
            reason = because("retrying", f"AWS did not give a definite answer ({error.code}); the same request again")
            return Plan(instance=replace(instance, retry_at=now + RETRY), reason=reason)


def failed(instance: Instance, code: str, sentence: str, now: datetime) -> Plan:
    """The launch is over, and nothing runs."""
    reason = because(code, sentence)
    return told(moved(instance, Phase.FAILED, reason, now), reason, now)


def _cancelled(instance: Instance, now: datetime) -> Plan:
    sent_at = instance.attempt.sent_at if instance.attempt else None
    if sent_at is not None and now - sent_at < ATTEMPT_CERTAIN:
        return nothing(
            instance, "cancel_waits", "cancelled; EC2 may still show the instance of a launch that was under way"
        )
    return gone(instance, because("cancelled", "cancelled before anything was launched"), now)
