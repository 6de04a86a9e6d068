"""Decide for a spot instance that EC2 has interrupted: who can start it, and what follows when EC2 starts it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.desk.settings import PAUSE_END, Mode
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle.actions import begin_action
from chalicelib.domain.instances.lifecycle.notified_facts import record_once
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, with_phase
from chalicelib.domain.instances.lifecycle.spot_termination import has_spot_request
from chalicelib.domain.instances.lifecycle.starting import abandon_start
from chalicelib.domain.instances.lifecycle.stop_impact import describe_missing_stop, describe_stopped_costs
from chalicelib.domain.instances.lifecycle.unwanted_return import UNWANTED_RETURN, is_interrupted, is_stop_requested
from chalicelib.domain.instances.observation import Observation, Unavailable
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import ObservedSpotRequest, SpotRequestState

STOP_AT_RETURN = (
    "EC2 starts it when it has capacity. gpudesk stops it then, because its stop was requested. After that you can "
    "start it at any time."
)


def requires_spot_request(instance: Instance) -> bool:
    """Return whether a decision reads the spot request: to terminate the instance, or to start an interrupted one."""
    if instance.phase is Phase.TERMINATING:
        return has_spot_request(instance.ec2_instance)
    return is_interrupted(instance) and instance.spec.desired is DesiredState.RUNNING


def build_interrupted_reason(instance: Instance, ec2_instance: Ec2Instance, mode: Mode) -> EventReason:
    """Return the reason of an instance that EC2 has interrupted: what follows, and what its owner can do."""
    follows = STOP_AT_RETURN if is_stop_requested(instance) else _describe_return(instance, mode)
    message = f"EC2 interrupted {instance.name}.{ec2_instance.reason_text} {describe_stopped_costs(instance)} {follows}"
    return EventReason(code=EventCode.SPOT_INTERRUPTED, message=message)


def build_unwanted_reason(instance: Instance) -> EventReason:
    """Return the reason of an interrupted instance whose stop somebody requests."""
    message = f"EC2 interrupted {instance.name}. {describe_stopped_costs(instance)} {STOP_AT_RETURN}"
    return EventReason(code=EventCode.SPOT_INTERRUPTED, message=message)


def wait_for_ec2(instance: Instance, observation: Observation, now: datetime) -> Plan | None:
    """Wait for EC2 to start an interrupted instance that somebody wants to run, at most until their `wait_until`.

    :returns: None if gpudesk can start it: EC2 has not interrupted it, or its spot request is disabled or gone
    """
    request = observation.spot_request
    if not instance.observed.was_interrupted:
        return None
    if not isinstance(request, Unavailable) and not (isinstance(request, ObservedSpotRequest) and _needs_ec2(request)):
        return None
    wait_until = instance.start.wait_until
    if wait_until and now > wait_until:
        cause = f"EC2 had interrupted it and did not start it again by {format_date_time(wait_until)}."
        return abandon_start(instance, cause, now)
    message = f"EC2 has interrupted {instance.name}, and only EC2 can start it. It does so when it has spot capacity."
    reason = EventReason(code=EventCode.SPOT_WAITING, message=message)
    return record_once(replace(instance, reason=reason), EventCode.SPOT_WAITING, reason, now)


def decide_return(instance: Instance, ec2_instance: Ec2Instance, now: datetime, mode: Mode) -> Plan | None:
    """Decide for an interrupted instance that EC2 has started again: manage it, or stop it if nobody wants it.

    Where gpudesk may not stop it now, its desired state stays `stopped`, so that it does it when it may. A dry run only
    carries out a stop that somebody requested.

    :returns: None if EC2 has not interrupted it
    """
    if instance.observed.interruption is None:
        return None
    name = instance.name
    if instance.spec.desired is DesiredState.RUNNING:
        return _resume(instance, ec2_instance, "It is billed. Its idle policy applies again.", now)
    is_requested = is_stop_requested(instance)
    if mode is Mode.PAUSED or (mode is Mode.DRY_RUN and not is_requested):
        state = "is paused" if mode is Mode.PAUSED else "only does a dry run"
        end = PAUSE_END if is_requested else "an admin sets mode to enforce"
        follows = f"No start was requested. gpudesk {state}: it stops {name} when {end}. {name} is billed until then."
        return _resume(instance, ec2_instance, f"{follows} To use it, start it.", now)
    if ec2_instance.state is not Ec2State.RUNNING:
        message = f"EC2 is starting {name}, and no start was requested. gpudesk stops {name} as soon as it runs."
        return no_op(instance, EventCode.SPOT_WAITING, message)
    reason = EventReason(code=EventCode.SPOT_RETURN_STOPPED, message=UNWANTED_RETURN)
    # Without a type of warning no hook runs: nobody has worked on it since it returned.
    return begin_action(instance, ClaimAction.STOP, reason, now)


def _describe_return(instance: Instance, mode: Mode) -> str:
    """Return what follows for an interrupted instance whose stop nobody has requested, as sentences."""
    name = instance.name
    if instance.spec.spot.resume_after_interruption:
        return f"EC2 starts it again when it has capacity. To prevent that, stop {name}."
    unwanted = (
        "Otherwise gpudesk stops it after EC2's start, and you can start it at any time."
        if mode is Mode.ENFORCE
        else describe_missing_stop(name, mode)
    )
    return (
        f"EC2 starts it when it has capacity; nobody else can before. To use it then, request a start now. {unwanted}"
    )


def _resume(instance: Instance, ec2_instance: Ec2Instance, follows: str, now: datetime) -> Plan:
    """Manage an instance again that EC2 has started after an interruption.

    :param follows: what it costs and who stops it, as sentences
    """
    message = f"EC2 started {instance.name} again after it had interrupted it. {follows}"
    reason = EventReason(code=EventCode.SPOT_RESUMED, message=message)
    resumed = replace(
        with_phase(instance, Phase.BOOTING, reason, now),
        ready_since=None,
        claim=None,
        lifetime=replace(instance.lifetime, started_at=ec2_instance.launched_at),
        observed=replace(instance.observed, boot_id=None, interruption=None),
    )
    return record_event(resumed, reason, now)


def _needs_ec2(request: ObservedSpotRequest) -> bool:
    return request.is_live and request.state is not SpotRequestState.DISABLED
