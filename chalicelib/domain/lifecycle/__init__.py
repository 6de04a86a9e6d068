"""One decision: the record, what was seen and the time give a plan. One decision more: a call's outcome gives the next.

    requested -> launching -> booting -> setting-up -> ready -> stopping -> stopped -> booting -> ...
                     |            |           |          every phase -> terminating -> terminated
                     +--> failed <+-----------+

A plan is one guarded write and then at most one call to AWS. A crash between the two, or after, leaves a record from
which the next look goes on. A call's outcome counts only while the record still waits for it.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import to_sentence
from chalicelib.domain.cost import read_meter
from chalicelib.domain.desk import Mode
from chalicelib.domain.errors import CloudError
from chalicelib.domain.instance import Action, Instance, Phase
from chalicelib.domain.lifecycle import booting, ending, errand, facts, launching, ready, setting_up
from chalicelib.domain.lifecycle.bounds import bounded
from chalicelib.domain.lifecycle.heard import delivered
from chalicelib.domain.lifecycle.rules import Rules, because, entry, nothing, withdraw
from chalicelib.domain.observation import Observation
from chalicelib.domain.plan import (
    AlreadyBaked,
    Called,
    Launch,
    Launched,
    NoLongerIdle,
    Outcome,
    Plan,
    Resolved,
    ResolveLaunch,
    SendDocument,
    Sent,
    Start,
    Step,
    Stop,
    Terminate,
)

__all__ = ["Rules", "decide", "delivered", "note"]


def decide(instance: Instance, seen: Observation, now: datetime, rules: Rules) -> Plan:
    """What is to be done about an instance, given what was seen of it.

    :raises ValueError: the record contradicts itself
    """
    current, plan = facts.take_in(instance, seen, now)
    plan = plan or bounded(current, rules.desk.limits, now) or _by_phase(current, seen, now, rules)
    plan = _addressed(current, plan, rules)
    plan = errand.given_up(_under_mode(current, plan, rules.desk.mode, now), now)
    return _metered(instance, plan, now)


def note(instance: Instance, step: Step, outcome: Outcome, now: datetime) -> Plan:
    """What a call's outcome changes in the record, which may have moved on while the call was made.

    An instance that was launched is a fact, whatever the record has become; anything else that nobody waits for any
    more changes nothing.
    """
    if isinstance(outcome, Launched) and instance.phase is Phase.TERMINATED:
        plan = facts.found_alive(instance, outcome.machine, now)
    elif _still_waits(instance, step):
        plan = _noted(instance, step, outcome, now)
    else:
        plan = nothing(
            instance, EventCode.SUPERSEDED, f"nobody waits for the outcome of {type(step).__name__} any more"
        )
    return _metered(instance, plan, now)


def _still_waits(instance: Instance, step: Step) -> bool:
    is_unlaunched = instance.phase in (Phase.REQUESTED, Phase.LAUNCHING) and instance.machine is None
    attempt, run, claim = instance.attempt, instance.setup.run, instance.claim
    match step:
        case ResolveLaunch():
            return is_unlaunched and attempt is None
        case Launch():
            return is_unlaunched and attempt is not None and attempt.token == step.attempt.token
        case SendDocument():
            is_of_setup = instance.phase is Phase.SETTING_UP and run is not None and run.attempt_id == step.attempt_id
            return is_of_setup or errand.waits_for(instance, step)
        case Start():
            return instance.phase is Phase.BOOTING and claim is not None and claim.action is Action.START
        case Stop():
            return instance.phase is Phase.STOPPING and claim is not None and claim.action is Action.STOP
        case Terminate():
            return instance.phase is Phase.TERMINATING and claim is not None


def _by_phase(instance: Instance, seen: Observation, now: datetime, rules: Rules) -> Plan:
    match instance.phase:
        case Phase.REQUESTED | Phase.LAUNCHING:
            return launching.decide(instance, now)
        case Phase.BOOTING:
            return booting.decide(instance, seen, now)
        case Phase.SETTING_UP:
            return setting_up.decide(instance, seen, now, rules)
        case Phase.READY:
            return ready.decide(instance, seen, now, rules)
        case Phase.FAILED:
            return ending.failed(instance, seen, now, rules)
        case Phase.STOPPING:
            return ending.stopping(instance, now)
        case Phase.STOPPED:
            return ending.stopped(instance, now)
        case Phase.TERMINATING:
            return ending.terminating(instance, now)
        case Phase.TERMINATED:
            return nothing(instance, EventCode.TERMINATED, "terminated")
        case _ as impossible:
            assert_never(impossible)


def _under_mode(current: Instance, plan: Plan, mode: Mode, now: datetime) -> Plan:
    """Limit a plan to what the mode allows: `paused` changes nothing, `dry_run` records an autonomous decision once.

    A stop warning that may not be acted on is cancelled: it would be outdated once the mode is `enforce` again.
    """
    if mode is not Mode.ENFORCE and current.warned:
        is_what = "is paused" if mode is Mode.PAUSED else "only does a dry run"
        return withdraw(current, f"gpudesk {is_what} now", now)
    if mode is Mode.PAUSED and (plan.step or plan.own_initiative or current.machine is None):
        return nothing(
            current, EventCode.DESK_PAUSED, f"gpudesk is paused and does not go on with: {plan.reason.sentence}"
        )
    if mode is Mode.DRY_RUN and plan.own_initiative:
        reason = _dry_run(plan)
        if current.told == plan.reason.code:
            return Plan(instance=current, reason=reason)
        line = entry(now, reason, details={"reason_code": plan.reason.code})
        return Plan(instance=replace(current, told=plan.reason.code), reason=reason, entries=(line,))
    return plan


def _dry_run(plan: Plan) -> EventReason:
    """Return what gpudesk would have done of its own accord, and why."""
    instance, details = plan.instance, plan.entries[0].details
    action = instance.claim.action if instance.claim else details["action"]
    evidence = to_sentence(details.get("evidence", plan.reason.sentence))
    return because(EventCode.DRY_RUN, f"Dry run: would {action} {instance.name}. {evidence}")


def _addressed(before: Instance, plan: Plan, rules: Rules) -> Plan:
    """A new warning waits for its delivery only where there is somebody whom it can be delivered to."""
    warned = plan.instance.warned
    if warned is None or (before.warned and before.warned.id == warned.id) or not rules.book.reaches(before.owner):
        return plan
    return replace(plan, instance=replace(plan.instance, warned=replace(warned, awaits=True)))


def _metered(before: Instance, plan: Plan, now: datetime) -> Plan:
    instance, segments = read_meter(before, plan.instance, now)
    return replace(plan, instance=instance, segments=segments)


def _noted(instance: Instance, step: Step, outcome: Outcome, now: datetime) -> Plan:
    match step, outcome:
        case ResolveLaunch(), Resolved():
            return launching.resolved(instance, outcome, now)
        case Launch(), Launched(machine):
            return facts.launched(instance, machine, now)
        case ((ResolveLaunch() | Launch()), CloudError()):
            return launching.refused(instance, outcome, now)
        case SendDocument(), (Sent() | AlreadyBaked() | CloudError()):
            return _answered(instance, step, outcome, now)
        case Start(), CloudError():
            return booting.start_refused(instance, outcome, now)
        case Stop(), NoLongerIdle():
            return ending.withdrawn(instance, outcome, now)
        case ((Stop() | Terminate()), CloudError()):
            return ending.call_refused(instance, outcome, now)
        case _, Called():
            return _as_is(instance)
        case _:
            raise ValueError(f"{type(outcome).__name__} is no outcome of {type(step).__name__}")


def _answered(instance: Instance, step: SendDocument, outcome: Sent | AlreadyBaked | CloudError, now: datetime) -> Plan:
    if errand.waits_for(instance, step) and not isinstance(outcome, AlreadyBaked):
        return errand.sent(instance, outcome, now)
    return setting_up.answered(instance, outcome, step, now)


def _as_is(instance: Instance) -> Plan:
    return nothing(instance, EventCode.NO_CHANGE, "as planned")
