"""Let a launch wait for a quota of EC2, and go on with it when the quota suffices.

Only a launch that was requested with `wait_for_quota` waits. It has no EC2 instance, so it costs nothing. What is
unknown never makes a launch wait: EC2 itself refuses one that does not fit. A launch whose offers use several quotas
goes on as soon as any of them suffices.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, format_duration
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.lifecycle.launch_failure import fail_launch
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event
from chalicelib.domain.instances.lifecycle.quota_refusals import build_waiting_reason, find_wait_end
from chalicelib.domain.instances.lifecycle.quota_retries import can_try
from chalicelib.domain.instances.lifecycle.quota_wait_texts import describe_quotas
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.quota_wait import ObservedQuota, QuotaWait
from chalicelib.domain.instances.record import Instance


def decide(instance: Instance, quotas: Sequence[ObservedQuota], now: datetime, desk: DeskSettings) -> Plan | None:
    """Decide for a launch that has no EC2 instance yet.

    :param quotas: one for each quota that its offers use, that of the first offer at the beginning; none: not read
    :returns: None: the launch does not wait
    """
    wait = instance.launch.quota_wait
    if not instance.spec.wait_for_quota or instance.launch.attempt is not None:
        return None
    if wait is None:
        return _begin(instance, quotas, now) if _is_known_excess(instance, quotas) else None
    if wait.is_over:
        return None
    end = find_wait_end(instance, _find_start(wait, desk))
    if now > end:
        return _fail(instance, wait, end, now, desk)
    if not quotas:
        return no_op(instance, EventCode.WAITING_FOR_QUOTA, instance.reason.message)
    quota = _find_usable(instance, quotas, now)
    if quota:
        return _go_on(instance, wait, quota, now)
    for each in quotas:
        if each.declined_request and each.declined_request not in wait.declined_requests:
            return _report_decline(instance, wait, each, now)
    waiting = _wait(instance, wait, quotas)
    return Plan(instance=waiting, reason=waiting.reason)


def _is_known_excess(instance: Instance, quotas: Sequence[ObservedQuota]) -> bool:
    """Return whether a launch waits without a call of EC2. With several quotas it waits after EC2 has refused all."""
    choice = instance.spec.launch_choice
    has_other_quotas = choice is not None and choice.has_other_quotas
    return bool(quotas) and quotas[0].fits is False and not has_other_quotas


def _begin(instance: Instance, quotas: Sequence[ObservedQuota], now: datetime) -> Plan:
    waiting = _wait(instance, QuotaWait(since=now), quotas)
    return record_event(waiting, waiting.reason, now)


def _wait(instance: Instance, wait: QuotaWait, quotas: Sequence[ObservedQuota]) -> Instance:
    """Return the record of a launch that waits, with what is known of its quotas."""
    exceeded = [each.key for each in quotas if each.fits is False]
    waiting = replace(wait, exceeded=tuple(dict.fromkeys((*wait.exceeded, *exceeded))))
    changed = replace(instance, launch=replace(instance.launch, quota_wait=waiting))
    known = describe_quotas(changed.launch, quotas)
    return replace(changed, reason=build_waiting_reason(instance, known, wait.since, has_other_quotas=len(quotas) > 1))


def _find_start(wait: QuotaWait, desk: DeskSettings) -> datetime:
    """Return from when on the deadline counts: while gpudesk is paused, it launches nothing."""
    return max(wait.since, desk.resumed_at) if desk.resumed_at else wait.since


def _fail(instance: Instance, wait: QuotaWait, end: datetime, now: datetime, desk: DeskSettings) -> Plan:
    resumed_at = desk.resumed_at
    paused = ""
    if resumed_at and resumed_at > wait.since:
        paused = f" gpudesk was paused until {format_date_time(resumed_at)}."
    cause = (
        f"It has waited for a larger quota for {format_duration(end - wait.since)}.{paused} Launch it again when AWS "
        "has increased the quota, or launch another type."
    )
    return fail_launch(instance, EventCode.QUOTA_EXCEEDED, cause, now)


def _find_usable(instance: Instance, quotas: Sequence[ObservedQuota], now: datetime) -> ObservedQuota | None:
    """Return the quota with which EC2 may accept the launch now, one that is known to suffice first; None: none."""
    usable = [
        each for each in quotas if can_try(instance.launch, each.key, fits=each.fits, read_at=each.read_at, now=now)
    ]
    return min(usable, key=lambda each: each.fits is None, default=None)


def _go_on(instance: Instance, wait: QuotaWait, quota: ObservedQuota, now: datetime) -> Plan:
    """Launch the instance. The owner is notified of the first try only: EC2 may refuse it every hour."""
    known = "suffices now" if quota.fits else "may suffice now"
    refusal = "" if quota.fits else " If EC2 refuses it, it waits again."
    message = f"The quota {known}, so gpudesk launches {instance.name}. {quota.message}{refusal}"
    code = EventCode.RETRYING if wait.try_count else EventCode.QUOTA_AVAILABLE
    reason = EventReason(code=code, message=message)
    over = replace(wait, is_over=True, try_count=wait.try_count + 1)
    launch = replace(instance.launch, quota_wait=over, started_at=now, retry_at=None, last_error=None)
    return replace(record_event(replace(instance, reason=reason, launch=launch), reason, now), requeue=True)


def _report_decline(instance: Instance, wait: QuotaWait, quota: ObservedQuota, now: datetime) -> Plan:
    """Notify the owner once of each request that AWS declined. The launch still waits: instances may end."""
    message = (
        f"{instance.name} still waits for a larger quota. {quota.need} {quota.request} gpudesk launches it if other "
        f"instances end before {format_date_time(find_wait_end(instance, wait.since))} and free enough of the quota. "
        "To cancel the launch, terminate it."
    )
    reason = EventReason(code=EventCode.QUOTA_DECLINED, message=message)
    reported = (*wait.declined_requests, quota.declined_request or "")
    launch = replace(instance.launch, quota_wait=replace(wait, declined_requests=reported))
    return record_event(replace(instance, launch=launch), reason, now)
