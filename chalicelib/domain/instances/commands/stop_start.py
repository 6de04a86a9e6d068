"""What people may want of an instance that is there, and what that changes in its record. AWS is for the loop."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.desk.settings import Mode, build_paused_warning
from chalicelib.domain.instances.commands.change import ENDING_PHASES, RecordChange, require_not_ending
from chalicelib.domain.instances.record import ClaimAction, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import WarningType

PRE_LAUNCH_PHASES = (Phase.REQUESTED, Phase.LAUNCHING)


def request_stop(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
    """:raises Conflict: it is ending, or there is nothing to stop yet"""
    require_not_ending(instance, "be stopped")
    if instance.phase in PRE_LAUNCH_PHASES or instance.machine is None:
        raise Conflict(
            f"{instance.name} has not been launched yet; DELETE /instances/{instance.name} cancels it",
            code=ErrorCode.NOT_LAUNCHED,
        )
    if instance.spec.desired is DesiredState.STOPPED and not _is_automatic_stop(instance):
        return RecordChange(instance)
    if instance.claim and instance.claim.action is ClaimAction.STOP:
        instance = replace(instance, claim=replace(instance.claim, warning_type=None))
    return _desire(instance, DesiredState.STOPPED, EventCode.STOP_REQUESTED, actor, now)


def request_start(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
    """:raises Conflict: it is ending, or failed before it had a machine"""
    require_not_ending(instance, "be started")
    if instance.phase is Phase.FAILED:
        raise Conflict(
            f"{instance.name} has failed: {instance.reason.message}. Stop it first, or ask for another one",
            code=ErrorCode.INSTANCE_FAILED,
        )
    if instance.spec.desired is DesiredState.RUNNING:
        return RecordChange(instance)
    tried_anew = replace(instance, setup=replace(instance.setup, attempts=0, current_run=None, retry_at=None))
    return _desire(tried_anew, DesiredState.RUNNING, EventCode.START_REQUESTED, actor, now)


def request_termination(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
    """Whatever it is doing; a second time it changes nothing."""
    if instance.phase in ENDING_PHASES or instance.spec.desired is DesiredState.TERMINATED:
        return RecordChange(instance)
    return _desire(instance, DesiredState.TERMINATED, EventCode.TERMINATE_REQUESTED, actor, now)


def paused_warning_for(instance: Instance, mode: Mode) -> WriteWarning | None:
    """Warn that a requested stop or termination does not start while gpudesk is paused; None if nothing waits."""
    match instance.spec.desired:
        case DesiredState.STOPPED if instance.phase not in (Phase.STOPPING, Phase.STOPPED, *ENDING_PHASES):
            return build_paused_warning(mode, "stop")
        case DesiredState.TERMINATED if instance.phase not in ENDING_PHASES:
            return build_paused_warning(mode, "termination")
        case _:
            return None


def _desire(instance: Instance, desired: DesiredState, code: EventCode, actor: Actor, now: datetime) -> RecordChange:
    spec = replace(instance.spec, desired=desired)
    line = timeline_entry(
        now, EventReason(code=code, message=f"{actor.name} asked for it to be {desired}"), actor=actor.name
    )
    return RecordChange(replace(instance, spec=spec), (line,))


def _is_automatic_stop(instance: Instance) -> bool:
    """A stop that the desk claimed of itself may still be withdrawn; a person's may not."""
    claim = instance.claim
    return claim is not None and claim.action is ClaimAction.STOP and claim.warning_type is WarningType.IDLE
