"""Compute what an instance costs: time multiplied by rate, summed at every change of the billing state.

AWS bills a running instance and its public IPv4 by the second, and the disk for as long as it exists
(https://aws.amazon.com/ec2/pricing/on-demand/, https://aws.amazon.com/ebs/pricing/).
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.money import round_usd
from chalicelib.domain.instances.billed_segment import BilledSegment, compute_segment_cost
from chalicelib.domain.instances.billing import BillingState, Meter
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, EndCause
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.warning import WarningType

LAUNCH_FAILURES = (EndCause.ZONE, EndCause.KMS_KEY, EndCause.QUOTA, EndCause.SNAPSHOT)
"""Causes for which EC2 ends a pending instance. AWS does not bill it."""


def get_billing_state(ec2_instance: Ec2Instance | None) -> BillingState:
    """Return the state that AWS bills. A stop counts only when EC2 says stopped."""
    match ec2_instance.state if ec2_instance else None:
        case None | Ec2State.TERMINATED:
            return BillingState.NOTHING
        case Ec2State.STOPPED:
            return BillingState.STOPPED
        case _:
            return BillingState.RUNNING


def advance_meter(before: Instance, after: Instance, now: datetime) -> tuple[Instance, tuple[BilledSegment, ...]]:
    """Close the current segment if the billing state changes from `before` to `after`.

    What was counted until now stays as it was, also after a change of the rates. Only a launch or a start that gpudesk
    did not see at once is billed from the launch time that EC2 reports.

    :returns: `after` with its meter set, and the segments that ended
    """
    state = _find_state(before, after)
    if state is before.billing.meter.state and before.billing.rates == after.billing.rates:
        return replace(after, billing=replace(after.billing, meter=before.billing.meter)), ()
    began = _find_beginning(before, after, now) if state is BillingState.RUNNING else now
    ended = get_open_segment(before, began)
    spent = before.billing.meter.accrued + (compute_segment_cost(ended) if ended else Decimal(0))
    meter = Meter(
        state=state,
        since=None if state is BillingState.NOTHING else began,
        accrued=spent,
        saves_until=_find_end_of_saving(before, after) if state is BillingState.STOPPED else None,
    )
    return replace(after, billing=replace(after.billing, meter=meter)), (ended,) if ended else ()


def _find_state(before: Instance, after: Instance) -> BillingState:
    """Return the billing state of a record whose last known state is that of `before`.

    A pending instance is billed only if it starts to run, and an instance that is ending only if it has run: a stopped
    one has not (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html). Between the two EC2
    instances of a move, the former disk is billed.
    """
    known, present, meter = before.ec2_instance, after.ec2_instance, before.billing.meter
    if present is None:
        has_former = after.move is not None and after.move.former is not None and after.phase is not Phase.TERMINATED
        return BillingState.STOPPED if has_former else BillingState.NOTHING
    if present.state is Ec2State.PENDING:
        return meter.state
    is_ending = present.state in (Ec2State.STOPPING, Ec2State.SHUTTING_DOWN)
    if is_ending and meter.state is not BillingState.RUNNING:
        if present.state_reason and present.state_reason.cause in LAUNCH_FAILURES:
            return meter.state
        was_stopped = meter.state is BillingState.STOPPED or (known is not None and known.state is Ec2State.STOPPED)
        if was_stopped and not _has_new_launch(before, present):
            return BillingState.STOPPED
    return get_billing_state(present)


def _find_beginning(before: Instance, after: Instance, now: datetime) -> datetime:
    """Return when a segment of a running instance began: at its launch if nobody saw it before, otherwise now.

    An instance that reappeared is billed from the time at which its record was closed, and one that was adopted on
    request from its adoption: nobody in gpudesk answers for the time before.
    """
    since, present = before.billing.meter.since, after.ec2_instance
    if present is None or (since is not None and not _has_new_launch(before, present)):
        return now
    first = before.created_at if before.is_adopted_on_request else present.launched_at
    return min(now, max(since or before.terminated_at or first, present.launched_at))


def _has_new_launch(before: Instance, present: Ec2Instance) -> bool:
    """Return whether EC2 has launched or started the instance since the meter of `before` was advanced.

    Each start gives another launch time: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html
    The meter waits while the instance is pending.
    """
    known = before.ec2_instance
    if known is None or known.instance_id != present.instance_id or known.state is Ec2State.PENDING:
        return True
    return known.launched_at < present.launched_at


def compute_cost(instance: Instance, now: datetime) -> Decimal:
    """Return the cost of an instance from its launch until now, in US dollars."""
    current = get_open_segment(instance, now)
    return round_usd(instance.billing.meter.accrued + (compute_segment_cost(current) if current else Decimal(0)))


def get_open_segment(instance: Instance, until: datetime) -> BilledSegment | None:
    """Return the current segment as if it ended at `until`; None if nothing is billed."""
    meter = instance.billing.meter
    if meter.state is BillingState.NOTHING or meter.since is None or until <= meter.since:
        return None
    return BilledSegment(
        owner=instance.owner,
        instance_id=instance.id,
        name=instance.name,
        project=instance.spec.project,
        state=meter.state,
        since=meter.since,
        until=until,
        rates=instance.billing.rates,
        saves_until=meter.saves_until,
    )


def _find_end_of_saving(before: Instance, after: Instance) -> datetime | None:
    """Return until when a stopped instance would have run on if it had not been stopped for idleness.

    :returns: None if it was stopped for another reason
    """
    if before.billing.meter.state is BillingState.STOPPED:
        return before.billing.meter.saves_until
    was_idle = before.claim is not None and before.claim.warning_type is WarningType.IDLE
    has_stopped_itself = EventCode.SELF_STOPPED in (before.reason.code, after.reason.code)
    return before.lifetime_ends_at if was_idle or has_stopped_itself else None
