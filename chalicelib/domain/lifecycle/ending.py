"""Failed, stopping, stopped, terminating: done only when EC2 says so."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import to_sentence
from chalicelib.domain.errors import CloudError, GiveUp
from chalicelib.domain.instance import Action, Claim, Desired, Ec2State, Instance, Phase
from chalicelib.domain.lifecycle.heard import heard
from chalicelib.domain.lifecycle.rules import (
    Rules,
    at_rest,
    because,
    call_again,
    claim,
    end,
    gone,
    moved,
    nothing,
    running,
    told,
    undelivered,
    wanted_otherwise,
    warn,
)
from chalicelib.domain.observation import Observation
from chalicelib.domain.plan import NoLongerIdle, Plan, Stop, Terminate
from chalicelib.domain.timings import FAILED_CLOSED, STOP_AGAIN, STOP_ALARM, STOP_FORCE
from chalicelib.domain.warned import Warned, WarningKind


def failed(instance: Instance, seen: Observation, now: datetime, rules: Rules) -> Plan:
    """A failed instance does not bill for ever: warned when it failed, then stopped; without a machine, closed."""
    if instance.machine is None:
        if instance.spec.desired is Desired.TERMINATED or now - instance.phase_since > FAILED_CLOSED:
            return gone(instance, because(EventCode.FAILED_RECORD_CLOSED, f"closed: {instance.reason.sentence}"), now)
        return nothing(instance, EventCode.FAILED, instance.reason.sentence)
    otherwise = wanted_otherwise(instance, now) or heard(instance, seen, now, rules)
    if otherwise:
        return otherwise
    if instance.is_kept(now):
        return nothing(instance, EventCode.KEEP_ACTIVE, "failed, and kept for somebody to look into")
    warned = instance.warned
    if warned is None:
        acts_at = now + instance.spec.idle_policy.notice
        sentence = (
            f"{instance.name} will be stopped at {acts_at:%H:%M} UTC, because its setup failed. To leave it running, "
            f"press Keep or run gpudesk-keep 4h on it. {instance.reason.sentence}"
        )
        warned = Warned(kind=WarningKind.FAILED, at=now, acts_at=acts_at, sentence=sentence)
        return warn(instance, warned, EventCode.FAILED_WARNING, instance.reason.sentence)
    if now < warned.acts_at:
        return nothing(instance, EventCode.FAILED, instance.reason.sentence)
    if not warned.is_due(now):
        return undelivered(instance, warned)
    return claim(
        instance,
        Action.STOP,
        because(EventCode.FAILED, f"Its setup failed. {warned.in_words}"),
        now,
        WarningKind.FAILED,
    )


def stopping(instance: Instance, now: datetime) -> Plan:
    """Until EC2 says stopped: asked again, then by force, then a person is told."""
    if instance.spec.desired is Desired.TERMINATED:
        return end(instance, now)
    if running(instance).state is Ec2State.STOPPED:
        reason = because(EventCode.STOPPED, f"Stopped. {_why(instance)}")
        plan = told(at_rest(instance, reason, now), reason, now)
        return replace(plan, again=instance.spec.desired is Desired.RUNNING)
    asked = instance.claim
    if asked is None:
        return nothing(instance, EventCode.STOPPING, "EC2 is stopping it, not by the desk")
    step = Stop(
        force=now - asked.at >= STOP_FORCE,
        if_still_idle=asked.kind is WarningKind.IDLE and running(instance).state is Ec2State.RUNNING,
    )
    return _kept_at(instance, asked, step, now)


def stopped(instance: Instance, now: datetime) -> Plan:
    """At rest; the disk is billed."""
    match instance.spec.desired:
        case Desired.RUNNING:
            plan = claim(instance, Action.START, because(EventCode.STARTING, "A start was requested."), now)
            return replace(plan, instance=replace(plan.instance, life_began_at=now, ready_since=None))
        case Desired.TERMINATED:
            return end(instance, now)
        case Desired.STOPPED:
            return nothing(instance, EventCode.STOPPED, instance.reason.sentence)


def terminating(instance: Instance, now: datetime) -> Plan:
    """Until EC2 says terminated."""
    asked = instance.claim
    if asked is None:
        return nothing(instance, EventCode.TERMINATING, "EC2 is terminating it, not by the desk")
    return _kept_at(instance, asked, Terminate(), now)


def withdrawn(instance: Instance, outcome: NoLongerIdle, now: datetime) -> Plan:
    """There was activity between the decision and the stop: the claim is taken back, nothing was called."""
    if instance.claim is None or instance.claim.kind is not WarningKind.IDLE:
        return nothing(instance, EventCode.SUPERSEDED, "somebody has asked for a stop since")
    sentence = (
        f"{instance.name} was not stopped. {to_sentence(outcome.reason.sentence)} gpudesk sends a new warning before "
        "it stops it."
    )
    reason = because(EventCode.STOP_CANCELLED, sentence)
    back = replace(moved(instance, Phase.READY, reason, now), claim=None)
    if instance.spec.desired is Desired.TERMINATED:
        return replace(told(back, reason, now), again=True)
    return told(replace(back, spec=replace(instance.spec, desired=Desired.RUNNING)), reason, now)


def call_refused(instance: Instance, error: CloudError, now: datetime) -> Plan:
    """AWS did not take a stop or terminate: it is asked again; what cannot pass by itself is told once."""
    asked = instance.claim
    if not isinstance(error, GiveUp) or asked is None or instance.told == error.code:
        return nothing(instance, EventCode.RETRYING, f"AWS did not take the call ({error.code}); it is asked again")
    minutes = STOP_AGAIN.seconds // 60
    refused = EventCode.TERMINATE_REFUSED if asked.action is Action.TERMINATE else EventCode.STOP_REFUSED
    sentence = (
        f"{instance.name} could not be {_done(asked)}: AWS rejected the call. {to_sentence(error.description)} "
        f"It is billed, and gpudesk calls again every {minutes} minutes. An admin has to remove the "
        f"cause, or {asked.action} it in the EC2 console."
    )
    reason = because(refused, sentence)
    return told(replace(instance, told=error.code), reason, now)


def _kept_at(instance: Instance, asked: Claim, step: Stop | Terminate, now: datetime) -> Plan:
    state = running(instance).state
    if now - asked.at >= STOP_ALARM and not asked.alarmed:
        minutes = int((now - asked.at).total_seconds() // 60)
        sentence = (
            f"{instance.name} has not {_done(asked)} for {minutes} minutes: EC2 still says {state}. It is billed, "
            "and gpudesk calls again. An admin has to look at it in the EC2 console (state transition reason)."
        )
        overdue = EventCode.TERMINATE_OVERDUE if asked.action is Action.TERMINATE else EventCode.STOP_OVERDUE
        reason = because(overdue, sentence)
        return told(replace(instance, claim=replace(asked, alarmed=True)), reason, now)
    waits = state is Ec2State.STOPPING and isinstance(step, Stop) and not step.force
    waiting = EventCode.STOPPING if instance.phase is Phase.STOPPING else EventCode.TERMINATING
    if waits or (asked.called_at and now - asked.called_at < STOP_AGAIN):
        return nothing(instance, waiting, f"EC2 was asked to {asked.action} it and says {state}")
    by_force = ", by force" if isinstance(step, Stop) and step.force else ""
    return call_again(instance, asked, step, now, f"EC2 still says {state}: asking again{by_force}")


def _why(instance: Instance) -> str:
    return instance.claim.reason.sentence if instance.claim else "gpudesk did not stop it."


def _done(asked: Claim) -> str:
    return "terminated" if asked.action is Action.TERMINATE else "stopped"
