"""Fail a launch that takes too long, or that has waited for as long as its request says."""

from datetime import datetime, timedelta

from chalicelib.domain.common.deadlines import LAUNCH_DEADLINE, LAUNCH_VISIBILITY_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_date_time, format_duration
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.instances.lifecycle.launch_failure import fail_launch
from chalicelib.domain.instances.lifecycle.launch_table import describe_choice, describe_price_advice
from chalicelib.domain.instances.lifecycle.plans import get_calling_since
from chalicelib.domain.instances.lifecycle.quota_refusals import wait_beside_capacity
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.wait_until import MAX_WAIT_TEXT


def time_out_launch(instance: Instance, now: datetime, desk: DeskSettings) -> Plan | None:
    """Fail a launch whose time is over, or let it wait for the quota of one of its offers.

    A request that was sent counts as lost only when EC2 would show its instance.

    :returns: None if there is time left
    """
    launch, choice = instance.launch, instance.spec.launch_choice
    is_sent = launch.attempt is not None and launch.attempt.sent_at is not None
    wait_until = choice.wait_until if choice else None
    began_at = get_calling_since(launch.started_at or instance.phase_since, desk, now)
    deadline = wait_until or began_at + LAUNCH_DEADLINE
    # The first pass is quick, and each decision of it tries another offer: time that gpudesk lost does not end it.
    is_first_pass = launch.pass_number == 1 and bool(launch.tries_of_pass) and not launch.last_error
    has_untried_offers = wait_until is None and launch.attempt is None and is_first_pass
    if has_untried_offers or now <= (deadline + LAUNCH_VISIBILITY_DEADLINE if is_sent else deadline):
        return None
    if is_sent or launch.last_error:
        last_error = f" The last error of AWS: {launch.last_error}" if launch.last_error else ""
        what = f"{instance.spec.hardware.instance_type} in {instance.spec.region}"
        waited = format_duration(now - began_at)
        cause = f"AWS has not accepted the launch of a {what} for {waited}, and EC2 shows no instance.{last_error}"
        return fail_launch(instance, EventCode.NO_ANSWER, cause, now, "Launch it again later.")
    waiting = wait_beside_capacity(instance, now)
    if waiting:
        return waiting
    tried = _describe_wait(instance, wait_until, began_at, now)
    is_never_tried = launch.above_maximum is not None and not launch.tries
    what = "gpudesk found no offer" if is_never_tried else "AWS had no capacity"
    cause = f"{what} {describe_choice(instance)}. {tried}"
    return fail_launch(instance, EventCode.NO_CAPACITY, cause, now, _advise(instance, wait_until))


def _describe_wait(instance: Instance, wait_until: datetime | None, began_at: datetime, now: datetime) -> str:
    """Return how long gpudesk has tried to launch, and that it was paused meanwhile, as a sentence.

    :param began_at: the end of a pause, if there was one since the first decision
    """
    if wait_until is None:
        return f"gpudesk tried for {format_duration(now - began_at)}."
    started_at = instance.launch.started_at or instance.phase_since
    waited = f"for {format_duration(max(wait_until - started_at, timedelta()))}, until {format_date_time(wait_until)}"
    if began_at <= started_at:
        return f"gpudesk tried {waited} as requested."
    pause = f"gpudesk was paused until {format_date_time(began_at)}, and tried nothing in the pause."
    return f"It waited {waited} as requested. {pause}"


def _advise(instance: Instance, wait_until: datetime | None) -> str:
    """Return what to do when no offer had capacity, as sentences."""
    price = describe_price_advice(instance)
    higher = f"Launch it {price}. Or launch" if price else "Launch"
    if wait_until is None:
        return (
            f"{higher} another type, in another region, or later; with `wait_until` gpudesk keeps trying for up to "
            f"{MAX_WAIT_TEXT}."
        )
    return f"{higher} it again, with a `wait_until` that is up to {MAX_WAIT_TEXT} ahead."
