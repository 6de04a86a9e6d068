"""What an instance costs: seconds times price, kept with the state changes.

AWS bills a running instance and its public IPv4 by the second, and the disk for as long as it exists
(https://aws.amazon.com/ec2/pricing/on-demand/, https://aws.amazon.com/ebs/pricing/).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.common.money import round_usd
from chalicelib.domain.instances.billing import BillingState, Meter, Rates
from chalicelib.domain.instances.record import Ec2State, Instance, Machine

HOUR = Decimal(3600)


@dataclass(frozen=True, kw_only=True)
class BilledSegment:
    """A stretch of time in which one instance was billed in one way."""

    owner: str
    instance_id: str
    name: str
    state: BillingState
    since: datetime
    until: datetime
    rates: Rates
    project: str | None = None


def get_billing_state(machine: Machine | None) -> BillingState:
    """What AWS bills for a machine in its state; a stop counts only once EC2 says stopped."""
    match machine.state if machine else None:
        case None | Ec2State.TERMINATED:
            return BillingState.NOTHING
        case Ec2State.STOPPED:
            return BillingState.STOPPED
        case _:
            return BillingState.RUNNING


def advance_meter(before: Instance, after: Instance, now: datetime) -> tuple[Instance, tuple[BilledSegment, ...]]:
    """Close what was metered before where the change from `before` to `after` changes what is billed.

    A stretch of running begins with EC2's own LaunchTime, where that is later than what went before; what was taken for
    gone and found alive begins where it was taken for gone.

    :returns: `after` with its meter set, and the segments that ended
    """
    state = get_billing_state(after.machine)
    if state is before.billing.meter.state:
        return replace(after, billing=replace(after.billing, meter=before.billing.meter)), ()
    began = now
    if state is BillingState.RUNNING and after.machine:
        earliest = before.billing.meter.since or before.terminated_at or after.machine.launched_at
        began = min(now, max(earliest, after.machine.launched_at))
    ended = _segment(before, began)
    spent = before.billing.meter.accrued + (compute_segment_cost(ended) if ended else Decimal(0))
    meter = Meter(state=state, since=None if state is BillingState.NOTHING else began, accrued=spent)
    return replace(after, billing=replace(after.billing, meter=meter)), (ended,) if ended else ()


def compute_cost(instance: Instance, now: datetime) -> Decimal:
    """US dollars from the first second until now."""
    running = _segment(instance, now)
    return round_usd(instance.billing.meter.accrued + (compute_segment_cost(running) if running else Decimal(0)))


def get_open_segment(instance: Instance, now: datetime) -> BilledSegment | None:
    """The stretch that is being billed now, as if it ended now."""
    return _segment(instance, now)


def compute_segment_cost(segment: BilledSegment) -> Decimal:
    """What a segment costs in all."""
    return sum(split_segment_cost(segment), Decimal(0))


def _segment(instance: Instance, until: datetime) -> BilledSegment | None:
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
    )


def split_segment_cost(segment: BilledSegment) -> tuple[Decimal, Decimal, Decimal]:
    hours = Decimal(str((segment.until - segment.since).total_seconds())) / HOUR
    if segment.state is BillingState.STOPPED:
        return Decimal(0), segment.rates.disk * hours, Decimal(0)
    return segment.rates.instance * hours, segment.rates.disk * hours, segment.rates.address * hours
