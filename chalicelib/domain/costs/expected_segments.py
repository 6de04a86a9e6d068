"""List the segments that an instance and its images will still be billed for if people change nothing."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import BillingState, Rates
from chalicelib.domain.instances.expected_run import to_expected_run
from chalicelib.domain.instances.record import ENDING_PHASES, STOPPED_PHASES, Instance
from chalicelib.domain.instances.spec import DesiredState, Spec


def list_expected_segments(instance: Instance, now: datetime, until: datetime) -> tuple[BilledSegment, ...]:
    """Return what is billed from now to `until`: the instance to the end of its lifetime, its disk afterwards, too.

    An instance that is not idle runs until its lifetime ends. A stop retains the disk, and nothing ends its bill.
    """
    if instance.phase in ENDING_PHASES or instance.has_launch_failed:
        return ()
    if instance.spec.desired is DesiredState.TERMINATED:
        return ()
    instance = to_expected_run(instance)
    runs_until = min(until, find_end(instance, now) or now)
    rates = instance.billing.rates
    if instance.ec2_instance is None:
        rates = replace(rates, instance=find_reserved_price(instance.spec, rates))
    periods = ((BillingState.RUNNING, now, runs_until), (BillingState.STOPPED, max(now, runs_until), until))
    return tuple(
        BilledSegment(
            owner=instance.owner,
            instance_id=instance.id,
            name=instance.name,
            project=instance.spec.project,
            state=state,
            since=since,
            until=end,
            rates=rates,
        )
        for state, since, end in periods
        if since < end
    )


def find_end(instance: Instance, now: datetime) -> datetime | None:
    """Return when the lifetime of an instance ends, also of one that is about to be launched or started.

    :returns: None if it does not run
    """
    if instance.spec.desired is not DesiredState.RUNNING:
        return None
    if instance.lifetime_ends_at and instance.phase not in STOPPED_PHASES:
        return instance.lifetime_ends_at
    end = now + timedelta(hours=instance.spec.policy.max_hours)
    return max(end, instance.lifetime.keep_until or end)


def find_reserved_price(spec: Spec, rates: Rates) -> Decimal | None:
    """Return the highest price per hour that a launch may take, in US dollars; None: not known."""
    choice, price = spec.launch_choice, rates.instance
    maximum = choice.max_price if choice and not choice.is_price_fixed else None
    return None if price is None else max(price, rates.on_demand or price, maximum or price)
