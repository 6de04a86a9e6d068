"""Go from one offer to the next in a launch, pause after a pass over all of them, and say what came in the end.

A pass tries each offer at most once and at most `MAX_TRIES` offers. Each try has an attempt of its own with its own
ClientToken, and an attempt is only given up after a definite answer of EC2.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import CAPACITY_RETRY
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import format_duration, format_time
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_tries import MAX_REMEMBERED_OFFERS, MAX_TRIES, LaunchOffer, LaunchTry, TryResult
from chalicelib.domain.instances.lifecycle.launch_table import (
    describe_above_maximum,
    describe_next_pass,
    describe_offer,
    describe_tries,
    describe_wait,
    is_first_offer,
)
from chalicelib.domain.instances.lifecycle.market_fallback import describe_tries_on_spot
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts, record_once
from chalicelib.domain.instances.lifecycle.plans import record_event
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance

PENDING_CODE = "PendingVerification"
"""AWS validates a new account in a region for at most four hours:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""

MAX_OFFERS_IN_TIMELINE = 100
"""A launch that waits for days can try more. All of its tries are in `status.launch`, pass by pass."""

MAX_MESSAGE_LENGTH = 500
"""Enough for a refusal of EC2 with the zones at its end. A record holds 20 of them."""


def try_next_offer(instance: Instance, earlier: LaunchTry, reason: EventReason, now: datetime, **details: str) -> Plan:
    """Record a try without an instance, and go on with the next offer at once.

    :param reason: for the timeline; it is written once for each offer, and always if there are details
    """
    launch, offer = instance.launch, earlier.offer
    key = offer.key.text
    is_new = key not in launch.offers_in_timeline and len(launch.offers_in_timeline) < MAX_OFFERS_IN_TIMELINE
    changed = replace(
        add_try(instance, earlier),
        launch=replace(
            add_try(instance, earlier).launch,
            attempt=None,
            offers_in_timeline=(*launch.offers_in_timeline, key) if is_new else launch.offers_in_timeline,
            retry_at=None,
            last_error=None,
            not_found_since=None,
        ),
    )
    if is_new:
        changed = forget_facts(changed, EventCode.NO_CAPACITY_YET)
    plan = record_event(changed, reason, now, zone=offer.zone, instance_type=offer.instance_type, **details)
    return replace(plan, timeline=plan.timeline if is_new or details else (), requeue=True)


def add_try(instance: Instance, latest: LaunchTry) -> Instance:
    """Return the record with one more try of this pass, in place of an earlier one of the same offer.

    So EC2's end of an accepted launch replaces the row of this launch, and the table shows offers of the pass before
    that this pass has not tried.
    """
    launch = instance.launch
    numbered = replace(latest, pass_number=launch.pass_number, message=latest.message[:MAX_MESSAGE_LENGTH])
    others = tuple(each for each in launch.tries if each.offer.key != latest.offer.key)
    return replace(instance, launch=replace(launch, tries=(*others, numbered)[-MAX_TRIES:]))


def is_pass_complete(instance: Instance) -> bool:
    """Return whether a launch has tried as many offers as a pass may have."""
    return len(instance.launch.tries_of_pass) >= MAX_TRIES


def end_pass(instance: Instance, now: datetime) -> Plan:
    """Pause, then begin a new pass. The timeline gets an entry if an offer is refused that was not before."""
    launch, retry_at = instance.launch, now + CAPACITY_RETRY
    message = f"{_describe_pause(instance, format_time(retry_at))}{describe_above_maximum(instance)}"
    reason = EventReason(code=EventCode.NO_CAPACITY_YET, message=message)
    later = replace(to_next_pass(launch), tried_before=_remember_tries(launch), retry_at=retry_at, last_error=None)
    return record_once(replace(instance, reason=reason, launch=later), EventCode.NO_CAPACITY_YET, reason, now)


def _describe_pause(instance: Instance, retry_at: str) -> str:
    """Return why the pass has ended, what follows, and what the launch waits for, as sentences."""
    launch, wait = instance.launch, describe_wait(instance)
    if launch.above_maximum and not launch.tries_of_pass:  # EC2 was asked nothing
        return (
            f"No offer is left to try for {instance.name} now. gpudesk looks again at {retry_at}. It waits for an "
            f"offer {wait}."
        )
    next_pass = describe_next_pass(instance, retry_at)
    return f"AWS has no capacity for {instance.name} now. {next_pass} It waits for capacity {wait}."


def to_next_pass(launch: LaunchState) -> LaunchState:
    """Return the launch at the beginning of its next pass, which asks regions again that validated the account."""
    pending = {each.offer.region for each in launch.tries_of_pass if each.code == PENDING_CODE}
    left_out = tuple(region for region in launch.left_out_regions if region not in pending)
    return replace(launch, attempt=None, next_offer=None, pass_number=launch.pass_number + 1, left_out_regions=left_out)


def _remember_tries(launch: LaunchState) -> tuple[str, ...]:
    """Return the offers that were tried in this pass and before, the last ones if they are too many."""
    keys = (*launch.tried_before, *(each.offer.key.text for each in launch.tries_of_pass))
    return tuple(dict.fromkeys(keys))[-MAX_REMEMBERED_OFFERS:]


def leave_region_out(instance: Instance, code: str, description: str, now: datetime) -> Plan:
    """Leave a region out for this launch, because AWS accepts no launches of the account there.

    :param instance: with the attempt in this region
    :param description: what AWS said, as sentences
    """
    offer = require_attempt_offer(instance)
    launch = replace(instance.launch, left_out_regions=(*instance.launch.left_out_regions, offer.region))
    message = (
        f"AWS accepts no launches of this account in {offer.region} now. {description} {instance.name} is launched in "
        "another region."
    )
    latest = LaunchTry(offer=offer, result=TryResult.REGION_UNAVAILABLE, at=now, code=code, message=description)
    reason = EventReason(code=EventCode.OFFER_LEFT_OUT, message=message)
    return try_next_offer(replace(instance, launch=launch), latest, reason, now)


def require_attempt_offer(instance: Instance) -> LaunchOffer:
    """Return the offer of the attempt.

    :raises ValueError: the launch has no attempt
    """
    if instance.launch.attempt is None:
        raise ValueError(f"{instance.id}: no offer is being tried")
    return instance.launch.attempt.offer


def record_success(instance: Instance, now: datetime) -> tuple[Instance, tuple[TimelineEntry, ...]]:
    """Add the try that launched an instance.

    :returns: the record, and an entry that notifies people if another offer than the first one came, or if they have
        waited
    """
    attempt = instance.launch.attempt
    if attempt is None:
        return instance, ()
    offer = attempt.offer
    launched = add_try(instance, LaunchTry(offer=offer, result=TryResult.LAUNCHED, at=now))
    launched = replace(launched, launch=replace(launched.launch, next_offer=None))
    message = _describe_success(launched, offer, now)
    if not message:
        return launched, ()
    is_first = is_first_offer(instance, offer)
    code = EventCode.LAUNCHED_AFTER_WAIT if is_first else EventCode.LAUNCHED_AS_OTHER_OFFER
    return launched, (timeline_entry(now, EventReason(code=code, message=message)),)


def _describe_success(instance: Instance, offer: LaunchOffer, now: datetime) -> str:
    """Return what people must know of the offer that came; an empty text if it is what they expect."""
    launch, choice = instance.launch, instance.spec.launch_choice
    if choice is None:
        return ""
    waited = now - (launch.started_at or now)
    is_awaited = choice.wait_until is not None and launch.pass_number > 1
    wait = f" It waited {format_duration(waited)} for capacity." if is_awaited else ""
    if is_first_offer(instance, offer):
        return f"{instance.name} is launched as {describe_offer(instance, offer)}.{wait}" if is_awaited else ""
    market = "" if choice.markets[0] is Market.ON_DEMAND else f" ({choice.markets[0]})"
    has_fallen_back = offer.market is not choice.markets[0]
    # With on-demand as the fallback, the first offer that was tried may not be on the market that is named here.
    has_price = choice.first_price and len(choice.markets) == 1
    price = f" for {format_usd(choice.first_price)} per hour" if choice.first_price and has_price else ""
    launched = f"{instance.name} is launched{f' {offer.market}' if has_fallen_back else ''} as"
    cause = f" {describe_tries_on_spot(instance)}" if has_fallen_back else ""
    return (
        f"{launched} {describe_offer(instance, offer)}, and not as {choice.instance_type}{market} in "
        f"{choice.region}{price}.{cause}{wait}{describe_tries(instance)}"
    )
