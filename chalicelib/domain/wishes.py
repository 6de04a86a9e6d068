"""What people may want of an instance that is there, and what that changes in its record. AWS is for the loop."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.actors import Actor
from chalicelib.domain.asks import amended
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk import Ceilings, Mode, paused_warning
from chalicelib.domain.errors import Conflict, ErrorCode, FieldError, Invalid
from chalicelib.domain.instance import Action, Desired, Instance, Phase
from chalicelib.domain.lifecycle.keeping import kept
from chalicelib.domain.lifecycle.rules import because, entry, warning_cancelled
from chalicelib.domain.plan import Entry
from chalicelib.domain.policies import PolicyAsk
from chalicelib.domain.warned import WarningKind
from chalicelib.domain.write_warnings import WriteWarning

SHORTEST_KEEP = timedelta(minutes=1)
"""The sweep's own step: what is shorter keeps nothing."""

UNLAUNCHED = (Phase.REQUESTED, Phase.LAUNCHING)
ENDED = (Phase.TERMINATING, Phase.TERMINATED)


@dataclass(frozen=True)
class Wanted:
    """The record as it is to be written, and the lines about it; no lines: nothing changes."""

    instance: Instance
    entries: tuple[Entry, ...] = ()


def stop(instance: Instance, actor: Actor, now: datetime) -> Wanted:
    """:raises Conflict: it is ending, or there is nothing to stop yet"""
    _not_ended(instance, "be stopped")
    if instance.phase in UNLAUNCHED or instance.machine is None:
        raise Conflict(
            f"{instance.name} has not been launched yet; DELETE /instances/{instance.name} cancels it",
            code=ErrorCode.NOT_LAUNCHED,
        )
    if instance.spec.desired is Desired.STOPPED and not _by_the_desk(instance):
        return Wanted(instance)
    if instance.claim and instance.claim.action is Action.STOP:
        instance = replace(instance, claim=replace(instance.claim, kind=None))
    return _desire(instance, Desired.STOPPED, EventCode.STOP_REQUESTED, actor, now)


def start(instance: Instance, actor: Actor, now: datetime) -> Wanted:
    """:raises Conflict: it is ending, or failed before it had a machine"""
    _not_ended(instance, "be started")
    if instance.phase is Phase.FAILED:
        raise Conflict(
            f"{instance.name} has failed: {instance.reason.sentence}. Stop it first, or ask for another one",
            code=ErrorCode.INSTANCE_FAILED,
        )
    if instance.spec.desired is Desired.RUNNING:
        return Wanted(instance)
    tried_anew = replace(instance, setup=replace(instance.setup, tries=0, run=None, retry_at=None))
    return _desire(tried_anew, Desired.RUNNING, EventCode.START_REQUESTED, actor, now)


def terminate(instance: Instance, actor: Actor, now: datetime) -> Wanted:
    """Whatever it is doing; a second time it changes nothing."""
    if instance.phase in ENDED or instance.spec.desired is Desired.TERMINATED:
        return Wanted(instance)
    return _desire(instance, Desired.TERMINATED, EventCode.TERMINATE_REQUESTED, actor, now)


def keep(
    instance: Instance, until: datetime, actor: Actor, limits: Ceilings, now: datetime, field: str = "until"
) -> Wanted:
    """A lease that always ends. It wins over every stop that has not been claimed yet, and moves the lifetime.

    One that was accepted is not shortened by another: whoever wants it to end sooner stops the instance.

    :param field: what the request called it, `hours` or `until`
    :raises Conflict: the stop is claimed, or it does not run
    :raises Invalid: `until` has passed or is further away than allowed
    """
    _not_ended(instance, "be kept")
    if instance.phase is Phase.STOPPED:
        raise Conflict(
            f"{instance.name} is stopped: there is nothing to keep running. POST /instances/{instance.name}/start "
            "starts it again",
            code=ErrorCode.NOT_RUNNING,
        )
    if instance.phase is Phase.STOPPING or instance.spec.desired is Desired.STOPPED:
        raise Conflict(
            f"the keep came too late: {instance.name} is being stopped ({instance.reason.sentence}). "
            f"POST /instances/{instance.name}/start starts it again",
            code=ErrorCode.STOP_ALREADY_STARTED,
        )
    furthest = now + timedelta(hours=limits.keep_hours)
    if not now + SHORTEST_KEEP <= until <= furthest:
        right = (
            f"must be in the future (a minute or more) and at most {limits.keep_hours} hours away "
            f"({furthest:%Y-%m-%dT%H:%MZ})"
        )
        raise Invalid(f"a keep {right}", errors=(FieldError(field, right),))
    if instance.keep_until and until <= instance.keep_until:
        return Wanted(instance)
    return Wanted(*kept(instance, until, actor.name, now))


def amend(instance: Instance, ask: PolicyAsk, actor: Actor, limits: Ceilings, now: datetime) -> Wanted:
    """:raises Invalid: outside of what the admin allows"""
    _not_ended(instance, "be changed")
    policy, max_hours = amended(instance.spec, ask, limits)
    spec = replace(instance.spec, idle_policy=policy, max_hours=max_hours)
    if spec == instance.spec:
        return Wanted(instance)
    sentence = (
        f"{actor.name} changed its policy: idle {policy.idle_minutes} minutes, warning {policy.warning_minutes} "
        f"minutes, at most {max_hours} hours; {', '.join(policy.signals)} count"
    )
    lines = [entry(now, because(EventCode.POLICY_CHANGED, sentence), actor=actor.name)]
    warned = instance.warned
    if warned and warned.kind is WarningKind.IDLE and policy != instance.spec.idle_policy:
        instance = replace(instance, warned=None)
        lines.append(entry(now, warning_cancelled(instance, "its idle policy was changed")))
    return Wanted(replace(instance, spec=spec), tuple(lines))


def what_waits(instance: Instance, mode: Mode) -> WriteWarning | None:
    """Warn that a requested stop or termination does not start while gpudesk is paused; None if nothing waits."""
    match instance.spec.desired:
        case Desired.STOPPED if instance.phase not in (Phase.STOPPING, Phase.STOPPED, *ENDED):
            return paused_warning(mode, "stop")
        case Desired.TERMINATED if instance.phase not in ENDED:
            return paused_warning(mode, "termination")
        case _:
            return None


def _desire(instance: Instance, desired: Desired, code: EventCode, actor: Actor, now: datetime) -> Wanted:
    spec = replace(instance.spec, desired=desired)
    line = entry(now, because(code, f"{actor.name} asked for it to be {desired}"), actor=actor.name)
    return Wanted(replace(instance, spec=spec), (line,))


def _by_the_desk(instance: Instance) -> bool:
    """A stop that the desk claimed of itself may still be withdrawn; a person's may not."""
    claim = instance.claim
    return claim is not None and claim.action is Action.STOP and claim.kind is WarningKind.IDLE


def _not_ended(instance: Instance, what: str) -> None:
    if instance.phase in ENDED or instance.spec.desired is Desired.TERMINATED:
        raise Conflict(
            f"{instance.name} is {instance.phase}; it cannot {what} any more", code=ErrorCode.INSTANCE_TERMINATED
        )
