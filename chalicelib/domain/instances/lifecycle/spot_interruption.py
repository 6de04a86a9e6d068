"""Decide for a spot instance that EC2 is about to interrupt.

EC2 warns two minutes before. Unless the owner wants the instance back by itself, gpudesk stops it at the warning:
after a stop by gpudesk people can start it, after an interruption only EC2 can. It is not proven on AWS which of the
two wins if both stop the instance, so both outcomes are handled (`spot_return`):
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html
"""

from collections.abc import Container
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import INTERRUPTION_OVERDUE_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration, format_time
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, Heartbeat
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle import interruption_hook
from chalicelib.domain.instances.lifecycle.actions import begin_action
from chalicelib.domain.instances.lifecycle.move_end import fail_move
from chalicelib.domain.instances.lifecycle.notified_facts import record_once
from chalicelib.domain.instances.lifecycle.plans import record_event
from chalicelib.domain.instances.lifecycle.stop_impact import (
    describe_lost_files,
    describe_missing_stop,
    describe_stopped_costs,
)
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import (
    WARNED_BEFORE,
    Interruption,
    InterruptionAction,
    InterruptionWarning,
    SpotEvent,
    parse_reported_interruption,
)
from chalicelib.domain.instances.warning import WarningType

RUNNING_PHASES = (Phase.BOOTING, Phase.SETTING_UP, Phase.READY, Phase.FAILED)


def decide_interruption(instance: Instance, observation: Observation, now: datetime, mode: Mode) -> Plan | None:
    """Record the warning that the probe has read on the instance, and stop the instance because of a warning.

    :returns: None if EC2 has not warned, or if it may interrupt the instance itself
    """
    if not _is_in_use(instance, (Ec2State.RUNNING,)):
        return None
    interruption = instance.observed.interruption
    warning = interruption.warning if interruption else None
    if warning is None:
        reported = _find_reported_warning(instance, observation.heartbeat, now)
        return record_warning(instance, reported, now, mode) if reported else None
    if now >= warning.interrupts_at + INTERRUPTION_OVERDUE_AFTER:
        at = format_time(warning.interrupts_at)
        message = f"EC2 announced an interruption of {instance.name} for {at} and has not interrupted it."
        reason = EventReason(code=EventCode.NO_CHANGE, message=message)
        kept = replace(instance, observed=replace(instance.observed, interruption=None))
        return Plan(instance=kept, reason=reason, requeue=True)
    if _is_stopped_by_gpudesk(instance, warning):
        return _stop_before_ec2(instance, warning, now)
    return interruption_hook.decide_hook(instance, observation, now) if mode is Mode.ENFORCE else None


def record_warning(instance: Instance, warning: InterruptionWarning, now: datetime, mode: Mode) -> Plan | None:
    """Notify the owner at once that EC2 interrupts the instance, with the time that is left. A move to there ends.

    EventBridge and the probe report the same warning, more than once.

    :returns: None if the warning is known or late, or if the instance does not run
    """
    known = instance.observed.interruption
    is_late = now >= warning.interrupts_at + INTERRUPTION_OVERDUE_AFTER
    if (known and known.warning) or is_late or not _is_in_use(instance):
        return None
    if instance.is_launching_for_move:
        at = format_time(warning.interrupts_at)
        return fail_move(instance, f"EC2 interrupts its new spot instance there at {at}, before it was ready.", now)
    left = warning.interrupts_at - now
    when = f"at {format_time(warning.interrupts_at)}" + (
        f" (in {format_duration(left)})" if left.total_seconds() > 0 else ""
    )
    message = f"EC2 interrupts {instance.name}, a spot instance, {when}. {_describe_plan(instance, warning, mode)}"
    reason = EventReason(code=EventCode.SPOT_INTERRUPTION, message=message)
    warned = replace(instance, observed=replace(instance.observed, interruption=Interruption(warning=warning)))
    plan = record_event(warned, reason, now, action=str(warning.action))
    return replace(plan, requeue=True)


def record_spot_event(instance: Instance, event: SpotEvent, now: datetime, mode: Mode) -> Plan | None:
    """Record what EC2 announces of a spot instance. None: nothing new."""
    if event.action is None:
        return record_rebalance(instance, now)
    warning = InterruptionWarning(action=event.action, interrupts_at=event.at + WARNED_BEFORE)
    return record_warning(instance, warning, now, mode)


def record_rebalance(instance: Instance, now: datetime) -> Plan | None:
    """Record once per start that EC2 sees a higher risk of an interruption. Nothing follows from it.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/rebalance-recommendations.html
    """
    if not _is_in_use(instance) or EventCode.SPOT_REBALANCE in instance.notified:
        return None
    message = f"EC2 sees a higher risk that it interrupts {instance.name}. Save your work more often."
    reason = EventReason(code=EventCode.SPOT_REBALANCE, message=message)
    return record_once(instance, EventCode.SPOT_REBALANCE, reason, now)


def _is_in_use(instance: Instance, states: Container[Ec2State] = (Ec2State.PENDING, Ec2State.RUNNING)) -> bool:
    """Return whether a spot instance runs and is to run.

    :param states: the record can still have `pending` when an event arrives
    """
    ec2_instance = instance.ec2_instance
    if ec2_instance is None or ec2_instance.market is not Market.SPOT or ec2_instance.state not in states:
        return False
    return instance.phase in RUNNING_PHASES and instance.spec.desired is DesiredState.RUNNING


def _find_reported_warning(
    instance: Instance, heartbeat: DecodedHeartbeat, now: datetime
) -> InterruptionWarning | None:
    """Return the warning in a heartbeat of this EC2 instance, since its last start, if its time can be right."""
    if not isinstance(heartbeat, Heartbeat) or heartbeat.interruption is None or instance.ec2_instance is None:
        return None
    if heartbeat.instance_id != instance.ec2_instance.instance_id or heartbeat.at <= instance.ec2_instance.launched_at:
        return None
    warning = parse_reported_interruption(heartbeat.interruption)
    is_plausible = warning is not None and abs(warning.interrupts_at - now) <= INTERRUPTION_OVERDUE_AFTER
    return warning if is_plausible else None


def _is_stopped_by_gpudesk(instance: Instance, warning: InterruptionWarning) -> bool:
    """Return whether gpudesk stops the instance before EC2 does. A stop does not prevent a termination."""
    return warning.action is not InterruptionAction.TERMINATE and not instance.spec.spot.resume_after_interruption


def _stop_before_ec2(instance: Instance, warning: InterruptionWarning, now: datetime) -> Plan:
    """Stop the instance, after its hook. This is the only place that stops one because of an interruption."""
    message = f"EC2 interrupts it at {format_time(warning.interrupts_at)}."
    reason = EventReason(code=EventCode.SPOT_INTERRUPTION, message=message)
    return begin_action(instance, ClaimAction.STOP, reason, now, WarningType.SPOT)


def _describe_plan(instance: Instance, warning: InterruptionWarning, mode: Mode) -> str:
    """Return what happens at the interruption and what is lost, as sentences."""
    name = instance.name
    has_hook = instance.spec.policy.before_stop_hook is not None
    is_run = mode is Mode.ENFORCE
    hook = f" Its before-stop hook {'runs' if is_run else 'does not run'}." if has_hook else ""
    if warning.action is InterruptionAction.TERMINATE:
        return f"EC2 terminates it then, and its disk is deleted. Copy what you need now.{hook}"
    lost = f"It loses {describe_lost_files(instance)}. {describe_stopped_costs(instance)}"
    if instance.spec.spot.resume_after_interruption:
        return f"EC2 stops it then, and starts it again when it has capacity. {lost}{hook}"
    if mode is not Mode.ENFORCE:
        return f"EC2 stops it then, and only EC2 can start it again. {describe_missing_stop(name, mode)} {lost}{hook}"
    return f"gpudesk stops it now, so that you can start it again later. {lost}"
