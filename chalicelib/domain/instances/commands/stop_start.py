"""What people may want of an instance that is there, and what that changes in its record. AWS is for the loop."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import Conflict, ErrorCode, FieldError, ValidationFailed
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.policy_limits import PolicyOverride
from chalicelib.domain.desk.settings import Limits, Mode, paused_warning
from chalicelib.domain.instances.commands.keep import grant_keep
from chalicelib.domain.instances.lifecycle.plans import because, timeline_entry, warning_cancelled
from chalicelib.domain.instances.plan import TimelineEntry
from chalicelib.domain.instances.record import ClaimAction, DesiredState, Instance, Phase
from chalicelib.domain.instances.warning import WarningType
from chalicelib.domain.launch.build_spec import apply_policy_update
from chalicelib.domain.write_warnings import WriteWarning

MIN_KEEP = timedelta(minutes=1)
"""The sweep's own step: what is shorter keeps nothing."""

PRE_LAUNCH_PHASES = (Phase.REQUESTED, Phase.LAUNCHING)
ENDING_PHASES = (Phase.TERMINATING, Phase.TERMINATED)


@dataclass(frozen=True)
class RecordChange:
    """The record as it is to be written, and the lines about it; no lines: nothing changes."""

    instance: Instance
    entries: tuple[TimelineEntry, ...] = ()


def stop(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
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
        instance = replace(instance, claim=replace(instance.claim, kind=None))
    return _desire(instance, DesiredState.STOPPED, EventCode.STOP_REQUESTED, actor, now)


def start(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
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


def terminate(instance: Instance, actor: Actor, now: datetime) -> RecordChange:
    """Whatever it is doing; a second time it changes nothing."""
    if instance.phase in ENDING_PHASES or instance.spec.desired is DesiredState.TERMINATED:
        return RecordChange(instance)
    return _desire(instance, DesiredState.TERMINATED, EventCode.TERMINATE_REQUESTED, actor, now)


def keep(
    instance: Instance, until: datetime, actor: Actor, limits: Limits, now: datetime, field: str = "until"
) -> RecordChange:
    """A lease that always ends. It wins over every stop that has not been claimed yet, and moves the lifetime.

    One that was accepted is not shortened by another: whoever wants it to end sooner stops the instance.

    :param field: what the request called it, `hours` or `until`
    :raises Conflict: the stop is claimed, or it does not run
    :raises Invalid: `until` has passed or is further away than allowed
    """
    require_not_ending(instance, "be kept")
    if instance.phase is Phase.STOPPED:
        raise Conflict(
            f"{instance.name} is stopped: there is nothing to keep running. POST /instances/{instance.name}/start "
            "starts it again",
            code=ErrorCode.NOT_RUNNING,
        )
    if instance.phase is Phase.STOPPING or instance.spec.desired is DesiredState.STOPPED:
        raise Conflict(
            f"the keep came too late: {instance.name} is being stopped ({instance.reason.message}). "
            f"POST /instances/{instance.name}/start starts it again",
            code=ErrorCode.STOP_ALREADY_STARTED,
        )
    furthest = now + timedelta(hours=limits.keep_hours)
    if not now + MIN_KEEP <= until <= furthest:
        right = (
            f"must be in the future (a minute or more) and at most {limits.keep_hours} hours away "
            f"({furthest:%Y-%m-%dT%H:%MZ})"
        )
        raise ValidationFailed(f"a keep {right}", errors=(FieldError(field, right),))
    if instance.keep_until and until <= instance.keep_until:
        return RecordChange(instance)
    return RecordChange(*grant_keep(instance, until, actor.name, now))


def update_policy(
    instance: Instance, request: PolicyOverride, actor: Actor, limits: Limits, now: datetime
) -> RecordChange:
    """:raises Invalid: outside of what the admin allows"""
    require_not_ending(instance, "be changed")
    policy, max_hours = apply_policy_update(instance.spec, request, limits)
    spec = replace(instance.spec, idle_policy=policy, max_hours=max_hours)
    if spec == instance.spec:
        return RecordChange(instance)
    message = (
        f"{actor.name} changed its policy: idle {policy.idle_minutes} minutes, warning {policy.warning_minutes} "
        f"minutes, at most {max_hours} hours; {', '.join(policy.signals)} count"
    )
    lines = [timeline_entry(now, because(EventCode.POLICY_CHANGED, message), actor=actor.name)]
    warned = instance.warning
    if warned and warned.kind is WarningType.IDLE and policy != instance.spec.idle_policy:
        instance = replace(instance, warning=None)
        lines.append(timeline_entry(now, warning_cancelled(instance, "its idle policy was changed")))
    return RecordChange(replace(instance, spec=spec), tuple(lines))


def paused_warning_for(instance: Instance, mode: Mode) -> WriteWarning | None:
    """Warn that a requested stop or termination does not start while gpudesk is paused; None if nothing waits."""
    match instance.spec.desired:
        case DesiredState.STOPPED if instance.phase not in (Phase.STOPPING, Phase.STOPPED, *ENDING_PHASES):
            return paused_warning(mode, "stop")
        case DesiredState.TERMINATED if instance.phase not in ENDING_PHASES:
            return paused_warning(mode, "termination")
        case _:
            return None


def _desire(instance: Instance, desired: DesiredState, code: EventCode, actor: Actor, now: datetime) -> RecordChange:
    spec = replace(instance.spec, desired=desired)
    line = timeline_entry(now, because(code, f"{actor.name} asked for it to be {desired}"), actor=actor.name)
    return RecordChange(replace(instance, spec=spec), (line,))


def _is_automatic_stop(instance: Instance) -> bool:
    """A stop that the desk claimed of itself may still be withdrawn; a person's may not."""
    claim = instance.claim
    return claim is not None and claim.action is ClaimAction.STOP and claim.kind is WarningType.IDLE


def require_not_ending(instance: Instance, what: str) -> None:
    if instance.phase in ENDING_PHASES or instance.spec.desired is DesiredState.TERMINATED:
        raise Conflict(
            f"{instance.name} is {instance.phase}; it cannot {what} any more", code=ErrorCode.INSTANCE_TERMINATED
        )
