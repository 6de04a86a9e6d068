"""Start, stop or terminate an instance: claim the action, call AWS, call again."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.before_stop import REASON_BY_WARNING
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.lifecycle.before_stop import run_hook_first
from chalicelib.domain.instances.lifecycle.notified_facts import record_once
from chalicelib.domain.instances.lifecycle.plans import with_phase
from chalicelib.domain.instances.lifecycle.spot_termination import find_cancellation
from chalicelib.domain.instances.lifecycle.stop_impact import describe_lost_files, describe_stopped_costs
from chalicelib.domain.instances.plan import CancelSpotRequest, Plan, Start, Step, Stop, Terminate
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.start_state import StartState
from chalicelib.domain.instances.warning import WarningType

INITIATED_CODES: Mapping[ClaimAction, EventCode] = {
    ClaimAction.START: EventCode.START_INITIATED,
    ClaimAction.STOP: EventCode.STOP_INITIATED,
    ClaimAction.TERMINATE: EventCode.TERMINATE_INITIATED,
}

RETRIED_CODES: Mapping[ClaimAction, EventCode] = {
    ClaimAction.START: EventCode.START_RETRIED,
    ClaimAction.STOP: EventCode.STOP_RETRIED,
    ClaimAction.TERMINATE: EventCode.TERMINATE_RETRIED,
}

OVERDUE_CODES: Mapping[ClaimAction, EventCode] = {
    ClaimAction.STOP: EventCode.STOP_OVERDUE,
    ClaimAction.TERMINATE: EventCode.TERMINATE_OVERDUE,
}


REQUEST_NOUNS: Mapping[DesiredState, str] = {
    DesiredState.RUNNING: "start",
    DesiredState.STOPPED: "stop",
    DesiredState.TERMINATED: "termination",
}


def begin_action(
    instance: Instance,
    action: ClaimAction,
    reason: EventReason,
    now: datetime,
    warning_type: WarningType | None = None,
) -> Plan:
    """Write the claim, then call AWS, or first run the hook. Once a stop is claimed, a keep is refused.

    :param reason: why, in full sentences
    :param warning_type: type of the stop warning that the action follows; None: a person requested it
    """
    phase, step = _choose_phase_and_step(instance, action, warning_type)
    is_cancellation = isinstance(step, CancelSpotRequest)
    claim = Claim(
        action=action,
        claimed_at=now,
        reason=reason,
        warning_type=warning_type,
        last_called_at=None if is_cancellation else now,
        request_cancelled_at=now if is_cancellation else None,
    )
    initiated = _build_initiated_reason(instance, action, reason)
    plan = Plan(
        instance=replace(
            with_phase(instance, phase, reason, now),
            claim=claim,
            start=instance.start if action is ClaimAction.START else StartState(),
            warning=None,
            spec=replace(instance.spec, desired=_choose_desired_state(instance, action, warning_type)),
        ),
        reason=reason,
        timeline=(timeline_entry(now, initiated, details={"reason_code": str(reason.code)}),),
        step=step,
        autonomous=warning_type is not None,
    )
    stop_reason = REASON_BY_WARNING.get(warning_type) if warning_type else None
    return run_hook_first(plan, stop_reason, now) if stop_reason else plan


def retry_action(instance: Instance, claim: Claim, step: Step, now: datetime, message: str) -> Plan:
    """Make the same call again.

    The timeline shows each retry until people are notified that the action is overdue.
    """
    reason = EventReason(code=RETRIED_CODES[claim.action], message=message)
    is_recorded = claim.last_called_at is not None and OVERDUE_CODES.get(claim.action) not in instance.notified
    return Plan(
        instance=replace(instance, claim=replace(claim, last_called_at=now)),
        reason=reason,
        timeline=(timeline_entry(now, reason),) if is_recorded else (),
        step=step,
    )


def plan_desired_state(instance: Instance, now: datetime) -> Plan | None:
    """Stop or terminate a running instance if somebody requested that.

    :returns: None if the instance is to run
    """
    match instance.spec.desired:
        case DesiredState.RUNNING:
            return None
        case DesiredState.STOPPED:
            reason = EventReason(code=EventCode.STOP_REQUESTED, message=describe_request(instance))
            return begin_action(instance, ClaimAction.STOP, reason, now)
        case DesiredState.TERMINATED:
            return plan_termination(instance, now)


def plan_termination(instance: Instance, now: datetime) -> Plan:
    """Terminate an instance, or wait while an image is created from it."""
    image = instance.image_in_progress
    if image and instance.has_image_in_progress(now):
        message = f"{instance.name} will be terminated when its image {image.id} is created (GET /images/{image.id})."
        reason = EventReason(code=EventCode.TERMINATE_PENDING, message=message)
        return record_once(instance, EventCode.TERMINATE_PENDING, reason, now)
    reason = EventReason(code=EventCode.TERMINATE_REQUESTED, message=describe_request(instance))
    return begin_action(instance, ClaimAction.TERMINATE, reason, now)


def describe_request(instance: Instance) -> str:
    """Return who requested the desired state of an instance, as a sentence."""
    noun, request = REQUEST_NOUNS[instance.spec.desired], instance.state_request
    if request and request.state is instance.spec.desired:
        return f"{request.actor} requested the {noun}."
    return f"A {noun} was requested."


def _build_initiated_reason(instance: Instance, action: ClaimAction, reason: EventReason) -> EventReason:
    """Return the notification about an action that begins: what gpudesk does, why, and what happens to the disk."""
    name = instance.name
    match action:
        case ClaimAction.START:
            message = f"{name} is being started. {reason.message}"
        case ClaimAction.STOP:
            lost = describe_lost_files(instance)
            follows = f"It loses {lost}. {describe_stopped_costs(instance)} To use {name} again, start it."
            message = f"{name} is being stopped. {reason.message} {follows}"
        case ClaimAction.TERMINATE:
            message = f"{name} is being terminated. {reason.message} Its disk is deleted."
    return EventReason(code=INITIATED_CODES[action], message=message)


def _choose_desired_state(instance: Instance, action: ClaimAction, warning_type: WarningType | None) -> DesiredState:
    """Return the state that a person requested, or that follows from a warning of gpudesk."""
    if warning_type is None:
        return instance.spec.desired
    return DesiredState.TERMINATED if action is ClaimAction.TERMINATE else DesiredState.STOPPED


def _choose_phase_and_step(
    instance: Instance, action: ClaimAction, warning_type: WarningType | None
) -> tuple[Phase, Step]:
    match action:
        case ClaimAction.START:
            return Phase.BOOTING, Start()
        case ClaimAction.STOP:
            return Phase.STOPPING, Stop(if_still_idle=warning_type is WarningType.IDLE)
        case ClaimAction.TERMINATE:
            return Phase.TERMINATING, find_cancellation(instance.spec.region, instance.ec2_instance) or Terminate()
