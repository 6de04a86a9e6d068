"""Request that an instance is stopped, started or terminated. gpudesk calls AWS when it reconciles the record."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.common.write_warnings import WarningCode, WriteWarning
from chalicelib.domain.desk.settings import Mode, build_dry_run_warning, build_paused_warning
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.commands.change import RecordChange, describe_state, is_ending, require_not_ending
from chalicelib.domain.instances.commands.request_move import require_disk
from chalicelib.domain.instances.commands.start_options import StartOptions, apply_start_options
from chalicelib.domain.instances.lifecycle.actions import REQUEST_NOUNS
from chalicelib.domain.instances.lifecycle.spot_return import build_unwanted_reason
from chalicelib.domain.instances.lifecycle.spot_termination import has_spot_request
from chalicelib.domain.instances.lifecycle.starting import find_arch_mismatch
from chalicelib.domain.instances.lifecycle.stop_impact import describe_stopped_costs
from chalicelib.domain.instances.lifecycle.unwanted_return import (
    is_interrupted,
    is_stop_requested,
    is_unwanted_return,
)
from chalicelib.domain.instances.record import (
    ENDING_PHASES,
    LAUNCHING_PHASES,
    STOPPED_PHASES,
    Instance,
    Phase,
    StateRequest,
)
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType

NO_OPTIONS = StartOptions()


def request_stop(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
    """Request a stop.

    If gpudesk is already stopping the instance because of idleness, activity no longer cancels that stop.

    :raises Conflict: the instance is being terminated, is not launched yet, or could not be launched
    """
    require_not_ending(instance, "be stopped")
    if instance.has_launch_failed:
        raise Conflict(
            f"There is nothing to stop. {instance.reason.message} To close its record now, send DELETE "
            f"/instances/{instance.name}.",
            code=ErrorCode.NOT_LAUNCHED,
        )
    if instance.is_launching_for_move:
        follows = "leave it where it was"
        if instance.move and instance.move.is_source_lost:
            follows = "give it up, and keep only the image of its disk"
        message = f"{instance.name} is moving. To {follows}, send DELETE /instances/{instance.name}/move."
        raise Conflict(message, code=ErrorCode.MOVE_IN_PROGRESS)
    if instance.phase in LAUNCHING_PHASES or instance.ec2_instance is None:
        raise Conflict(
            f"{instance.name} is not launched yet. To cancel the launch, send DELETE /instances/{instance.name}.",
            code=ErrorCode.NOT_LAUNCHED,
        )
    can_return = is_interrupted(instance) or is_unwanted_return(instance)
    is_repeated = is_stop_requested(instance) or not can_return
    if instance.spec.desired is DesiredState.STOPPED and is_repeated and not _has_idle_stop(instance):
        return RecordChange(instance)
    if is_interrupted(instance):
        instance = replace(instance, reason=build_unwanted_reason(instance))
    if instance.claim and instance.claim.action is ClaimAction.STOP:
        instance = replace(instance, claim=replace(instance.claim, warning_type=None))
    return _request_state(instance, DesiredState.STOPPED, actor, now)


def request_start(instance: Instance, actor: Actor, now: datetime, options: StartOptions = NO_OPTIONS) -> RecordChange:
    """Request a start. Its setup gets the full number of attempts again.

    :param options: of a start that is already requested, they can change until the instance runs
    :raises Conflict: the instance is being terminated, has failed, runs with another type than the requested one, or
        moves and has no disk where it was
    """
    require_not_ending(instance, "be started")
    if instance.phase is Phase.FAILED:
        advice = (
            "Launch another instance."
            if instance.has_launch_failed
            else f"Run its setup again (POST /instances/{instance.name}/setup), or stop it and start it."
        )
        raise Conflict(
            f"{instance.name} cannot be started. {instance.reason.message} {advice}", code=ErrorCode.INSTANCE_FAILED
        )
    if instance.spec.desired is DesiredState.RUNNING:
        return _change_options(instance, options, actor, now)
    require_disk(instance)
    instance = apply_start_options(instance, options)
    setup = replace(instance.setup, attempts=0, interruptions=0, current_run=None, retry_at=None)
    return _request_state(replace(instance, setup=setup), DesiredState.RUNNING, actor, now, options.text)


def request_termination(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
    """Request a termination, in any phase. A second request changes nothing."""
    if is_ending(instance):
        return RecordChange(instance)
    return _request_state(instance, DesiredState.TERMINATED, actor, now)


def build_request_reason(instance: Instance) -> EventReason:
    """Return what follows from a request to stop, start or terminate, for its answer.

    :param instance: the record after the request
    """
    phase, desired = instance.phase, instance.spec.desired
    state = f"{instance.name} {describe_state(instance)}."
    match desired:
        case DesiredState.STOPPED if phase is not Phase.STOPPED:
            message = f"{state} {describe_stopped_costs(instance)}"
            return EventReason(code=EventCode.STOP_REQUESTED, message=message)
        case DesiredState.STOPPED if is_interrupted(instance):
            return EventReason(code=EventCode.STOP_REQUESTED, message=build_unwanted_reason(instance).message)
        case DesiredState.RUNNING if phase is Phase.STOPPED and instance.move and instance.move.is_copying:
            move = instance.move
            message = f"{state} That ends its move to {move.place}: it starts in {move.source_zone}, where its disk is."
            return EventReason(code=EventCode.START_REQUESTED, message=message)
        case DesiredState.RUNNING if phase in (*STOPPED_PHASES, Phase.BOOTING):
            return EventReason(code=EventCode.START_REQUESTED, message=state)
        case DesiredState.TERMINATED if phase is not Phase.TERMINATED:
            follows = _describe_termination(instance)
            return EventReason(code=EventCode.TERMINATE_REQUESTED, message=f"{state}{follows}")
        case _:
            return EventReason(code=EventCode.NO_CHANGE, message=f"{state} The request changes nothing.")


def warn_of_mode(instance: Instance, mode: Mode) -> WriteWarning | None:
    """Warn of what the mode of gpudesk changes for a request to stop, start or terminate; None if it changes nothing.

    While gpudesk is paused, a stop or a termination waits. In a dry run, nothing stops a started instance.
    """
    match instance.spec.desired:
        case DesiredState.STOPPED if instance.phase not in (*STOPPED_PHASES, *ENDING_PHASES):
            return build_paused_warning(mode, "stop")
        case DesiredState.TERMINATED if instance.phase not in ENDING_PHASES:
            return build_paused_warning(mode, "termination")
        case DesiredState.RUNNING:
            return build_dry_run_warning(mode)
        case _:
            return None


def warn_of_type(instance: Instance) -> WriteWarning | None:
    """Warn that EC2 will reject a requested start, because the type does not match the AMI."""
    is_started = instance.spec.desired is DesiredState.RUNNING and instance.phase in STOPPED_PHASES
    mismatch = find_arch_mismatch(instance) if is_started else None
    return WriteWarning(WarningCode.TYPE_MISMATCH, mismatch) if mismatch else None


def _change_options(instance: Instance, options: StartOptions, actor: Actor, now: datetime) -> RecordChange:
    """Return the record with other options of a start that is already requested."""
    changed = instance if options.is_empty else apply_start_options(instance, options)
    if changed == instance:
        return RecordChange(instance)
    message = f"{actor.name} changed the start of {instance.name}{options.text}."
    reason = EventReason(code=EventCode.START_REQUESTED, message=message)
    return RecordChange(changed, (timeline_entry(now, reason, actor=actor.name),))


def _request_state(
    instance: Instance, desired: DesiredState, actor: Actor, now: datetime, details: str = ""
) -> RecordChange:
    """Return the record with a desired state.

    :param details: what else is requested, as the end of a sentence
    """
    code = {
        DesiredState.RUNNING: EventCode.START_REQUESTED,
        DesiredState.STOPPED: EventCode.STOP_REQUESTED,
        DesiredState.TERMINATED: EventCode.TERMINATE_REQUESTED,
    }[desired]
    noun = REQUEST_NOUNS[desired]
    reason = EventReason(code=code, message=f"{actor.name} requested the {noun} of {instance.name}{details}.")
    request = StateRequest(state=desired, actor=actor.name)
    changed = replace(instance, spec=replace(instance.spec, desired=desired), state_request=request)
    return RecordChange(changed, (timeline_entry(now, reason, actor=actor.name),))


def _describe_termination(instance: Instance) -> str:
    """Return what happens to the disk, and what the termination waits for, as sentences after a space."""
    if instance.ec2_instance is None:
        return ""
    image = instance.image_in_progress
    wait = f" It is billed until its image {image.id} is created." if image else ""
    request = " Its spot request is cancelled first." if has_spot_request(instance.ec2_instance) else ""
    return f"{wait}{request} Its disk is deleted."


def _has_idle_stop(instance: Instance) -> bool:
    """Return whether gpudesk is stopping the instance because of idleness: that can still be cancelled."""
    claim = instance.claim
    return claim is not None and claim.action is ClaimAction.STOP and claim.warning_type is WarningType.IDLE
