"""Decide what follows when EC2 refuses a launch for a quota in vCPUs: the launch waits, or fails with what to do."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.quota_texts import describe_launch_advice, describe_need, describe_start_advice
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.common.aws_errors import QuotaExceeded
from chalicelib.domain.common.deadlines import QUOTA_WAIT_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.instances.lifecycle.plans import record_event, with_phase
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.quota_wait import QuotaWait
from chalicelib.domain.instances.record import Instance, Phase

VCPU_CODES = ("VcpuLimitExceeded", "MaxSpotInstanceCountExceeded", "InstanceLimitExceeded")
"""Errors about the quotas in vCPUs. The others are about volumes and network interfaces."""

DISK_CODES = ("VolumeLimitExceeded", "MaxIOPSLimitExceeded")


def wait_after_refusal(instance: Instance, error: QuotaExceeded, now: datetime) -> Plan | None:
    """Return the plan of a launch that waits after the refusal; None: it does not wait for this quota.

    Admins are notified when the wait begins, not after each further refusal.
    """
    if not instance.spec.wait_for_quota or error.code not in VCPU_CODES:
        return None
    before = instance.launch.quota_wait
    refusal = f"EC2 refused it: {error.description}{_describe_need(instance)}"
    wait = replace(before or QuotaWait(since=now), refused_at=now, refusal=refusal, is_over=False)
    reason = build_waiting_reason(instance, refusal, wait.since)
    launch = replace(instance.launch, attempt=None, retry_at=None, quota_wait=wait)
    # A launch that moves stays in its phase: its former place is taken back if it takes too long.
    requested = instance if instance.move else with_phase(instance, Phase.REQUESTED, reason, now)
    waiting = replace(requested, reason=reason, launch=launch)
    return Plan(instance=waiting, reason=reason) if before else record_event(waiting, reason, now)


def find_wait_end(instance: Instance, since: datetime) -> datetime:
    """Return until when a launch waits for a quota: `wait_until` of its request bounds this wait, too."""
    choice, longest = instance.spec.launch_choice, since + QUOTA_WAIT_DEADLINE
    return min(choice.wait_until, longest) if choice and choice.wait_until else longest


def build_waiting_reason(instance: Instance, cause: str, since: datetime) -> EventReason:
    """Return why a launch waits and until when.

    :param cause: sentences
    """
    message = (
        f"{instance.name} waits for a larger quota, and costs nothing meanwhile. {cause} gpudesk waits until "
        f"{format_date_time(find_wait_end(instance, since))} and launches it as soon as the quota is large enough. To "
        "cancel it, terminate it."
    )
    return EventReason(code=EventCode.WAITING_FOR_QUOTA, message=message)


def describe_quota_advice(instance: Instance) -> str:
    """Return what people can do about a start that EC2 refused for a quota in vCPUs, as sentences."""
    code = _find_code(instance)
    if code is None:
        return "Ask an admin to request an increase in Service Quotas, and start it again."
    return describe_start_advice(code)


def describe_quota_refusal(instance: Instance, error: QuotaExceeded) -> str:
    """Return why the launch failed and what people can do, as sentences."""
    code, need = _find_code(instance), _describe_need(instance)
    if code is None or error.code not in VCPU_CODES:
        smaller = "with a smaller disk" if error.code in DISK_CODES else "a smaller or another type"
        return (
            f"The quota of the AWS account is exceeded. {error.description} Ask an admin to request an increase in "
            f"Service Quotas, or launch {smaller}."
        )
    moving = f"Ask an admin to request an increase of {code}, then move {instance.name} again."
    advice = moving if instance.is_launching_for_move else describe_launch_advice(code, None)
    return f"A quota of the AWS account is exceeded. {error.description}{need} {advice}"


def _find_code(instance: Instance) -> str | None:
    """Return the code of the quota that the instance uses; None: it is unknown."""
    return find_quota_code(instance.spec.hardware.instance_type, instance.spec.market)


def _describe_need(instance: Instance) -> str:
    """Return which quota the type needs and how much of it, as a sentence after a space; empty: it is unknown."""
    code, hardware = _find_code(instance), instance.spec.hardware
    need = describe_need(code, instance.spec.region, hardware.instance_type, hardware.vcpus) if code else ""
    return f" {need}" if need else ""
