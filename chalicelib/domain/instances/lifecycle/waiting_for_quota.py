"""Let a launch wait for a quota of EC2, and go on with it when the quota suffices.

Only a launch that was requested with `wait_for_quota` waits. It has no EC2 instance, so it costs nothing. What is
unknown never makes a launch wait: EC2 itself refuses one that does not fit.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import QUOTA_RETRY
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, format_duration
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.lifecycle.launch_failure import fail_launch
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.lifecycle.quota_refusals import build_waiting_reason, find_wait_end
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.quota_wait import ObservedQuota, QuotaWait
from chalicelib.domain.instances.record import Instance


def decide(instance: Instance, quota: ObservedQuota | None, now: datetime, desk: DeskSettings) -> Plan | None:
    """Decide for a launch that has no EC2 instance yet.

    :param quota: None: it was not read
    :returns: None: the launch does not wait
    """
    wait = instance.launch.quota_wait
    choice = instance.spec.launch_choice
    has_other_quotas = choice is not None and choice.has_other_quotas
    if not instance.spec.wait_for_quota or instance.launch.attempt is not None:
        return None
    if wait is None:
        # Otherwise the launch waits only after EC2 has refused all of its offers.
        is_known_excess = quota is not None and quota.fits is False and not has_other_quotas
        return _begin(instance, quota, now) if quota and is_known_excess else None
    if wait.is_over:
        return None
    end = find_wait_end(instance, _find_start(wait, desk))
    if now > end:
        cause = (
            f"It has waited for a larger quota for {format_duration(end - wait.since)}. Launch it again when AWS has "
            "increased the quota, or launch another type."
        )
        return fail_launch(instance, EventCode.QUOTA_EXCEEDED, cause, now)
    if quota is None:
        return no_op(instance, EventCode.WAITING_FOR_QUOTA, instance.reason.message)
    if _can_go_on(wait, quota, now) or (has_other_quotas and now - (wait.refused_at or wait.since) >= QUOTA_RETRY):
        return _go_on(instance, wait, quota, now)
    if quota.declined_request not in (None, wait.declined_request):
        return _report_decline(instance, wait, quota, now)
    # What was read before the refusal of EC2 would contradict it.
    is_refusal_newer = wait.refused_at and (quota.read_at is None or quota.read_at <= wait.refused_at)
    known = f"{wait.refusal} {quota.last_reading}" if is_refusal_newer else quota.message
    reason = build_waiting_reason(instance, f"{known} {quota.request}", wait.since)
    return Plan(instance=replace(instance, reason=reason), reason=reason)


def _begin(instance: Instance, quota: ObservedQuota, now: datetime) -> Plan:
    reason = build_waiting_reason(instance, f"{quota.message} {quota.request}", now)
    launch = replace(instance.launch, quota_wait=QuotaWait(since=now))
    return record_event(replace(instance, reason=reason, launch=launch), reason, now)


def _find_start(wait: QuotaWait, desk: DeskSettings) -> datetime:
    """Return from when on the deadline counts: while gpudesk is paused, it launches nothing."""
    return max(wait.since, desk.resumed_at) if desk.resumed_at else wait.since


def _can_go_on(wait: QuotaWait, quota: ObservedQuota, now: datetime) -> bool:
    """Return whether EC2 may accept the launch now. One refusal allows one try for each new reading of the quota."""
    if quota.fits is False:
        return False
    if wait.refused_at is None:
        return True
    if quota.fits is None:
        return now - wait.refused_at >= QUOTA_RETRY
    return quota.read_at is not None and quota.read_at > wait.refused_at


def _go_on(instance: Instance, wait: QuotaWait, quota: ObservedQuota, now: datetime) -> Plan:
    """Launch the instance. The owner is notified of the first try only: EC2 may refuse it every hour."""
    known = "suffices now" if quota.fits else "may suffice now"
    subject = "The quota of another offer" if quota.fits is False else "The quota"
    refusal = "" if quota.fits else " If EC2 refuses it, it waits again."
    message = f"{subject} {known}, so gpudesk launches {instance.name}. {quota.message}{refusal}"
    code = EventCode.RETRYING if wait.try_count else EventCode.QUOTA_AVAILABLE
    reason = EventReason(code=code, message=message)
    over = replace(wait, is_over=True, try_count=wait.try_count + 1)
    launch = replace(instance.launch, quota_wait=over, started_at=now, retry_at=None, last_error=None)
    return replace(record_event(replace(instance, reason=reason, launch=launch), reason, now), requeue=True)


def _report_decline(instance: Instance, wait: QuotaWait, quota: ObservedQuota, now: datetime) -> Plan:
    """Notify the owner once of each request that AWS declined. The launch still waits: instances may end."""
    message = (
        f"{instance.name} still waits for the quota. {quota.request} gpudesk launches it if other "
        f"instances end before {format_date_time(find_wait_end(instance, wait.since))} and free enough of the quota. "
        "To cancel the launch, terminate it."
    )
    reason = EventReason(code=EventCode.QUOTA_DECLINED, message=message)
    launch = replace(instance.launch, quota_wait=replace(wait, declined_request=quota.declined_request))
    return record_event(replace(instance, launch=launch), reason, now)
