"""Decide once: a record, an observation and the time give a plan.

    requested -> launching -> booting -> setting-up -> ready -> stopping -> stopped -> booting -> ...
                     |            |           |          every phase -> terminating -> terminated
                     +--> failed <+-----------+

A plan is one guarded write and then at most one AWS call; `record_outcome` decides what follows from its outcome. After
a crash, the next decision goes on from the record. `STAGES` lists the steps of a decision in their order.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.policy_limits import clamp_policy
from chalicelib.domain.instances.lifecycle import (
    before_stop,
    benchmark_run,
    booting,
    ec2_drift,
    failed,
    launching,
    moving,
    notified_facts,
    ready,
    setting_up,
    spot_interruption,
    stopping,
)
from chalicelib.domain.instances.lifecycle.decision import Decision, Stage
from chalicelib.domain.instances.lifecycle.mode_filter import apply_mode
from chalicelib.domain.instances.lifecycle.move_end import fail_stopped_move, restore_or_keep_open
from chalicelib.domain.instances.lifecycle.move_source_loss import survive_end
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, advance_plan_meter, no_op, record_event
from chalicelib.domain.instances.lifecycle.start_price import update_rates_at_start
from chalicelib.domain.instances.lifecycle.type_change import decide_type_change
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spot_rates import update_spot_rates


def decide(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    """Return what is to be done about an instance. The stages are listed at `STAGES`.

    :raises ValueError: the record contradicts itself
    """
    decision = Decision(before=instance, instance=instance, observation=observation, now=now, context=context)
    for stage in STAGES:
        decision = stage(decision)
    return decision.decided_plan


def apply_ec2_state(decision: Decision) -> Decision:
    """Bring the record up to what EC2 shows. A change that gpudesk did not make decides the plan."""
    mode = decision.context.desk.mode
    instance, plan = ec2_drift.apply_ec2_state(decision.instance, decision.observation, decision.now, mode)
    if plan is None and instance.is_active:
        plan = decide_type_change(instance, decision.observation, decision.context.catalog, decision.now)
    if plan:
        plan = survive_end(instance, plan, decision.observation.move, decision.now)
    if plan:
        plan = restore_or_keep_open(instance, plan, decision.observation.move, decision.now)
    return replace(decision, instance=instance, plan=plan)


def decide_interruption(decision: Decision) -> Decision:
    """Notify people of an interruption by EC2, and stop the instance before EC2 does."""
    if decision.plan:
        return decision
    mode = decision.context.desk.mode
    plan = spot_interruption.decide_interruption(decision.instance, decision.observation, decision.now, mode)
    return replace(decision, plan=plan)


def apply_limits(decision: Decision) -> Decision:
    """Reduce a policy that exceeds the limits of the desk, which an admin may have lowered.

    A stop that follows from the reduced policy is announced first, like every stop.
    """
    instance = decision.instance
    if decision.plan or not instance.is_active:
        return decision
    before = instance.spec.policy
    policy, max_hours = clamp_policy(before.idle, before.max_hours, decision.context.desk.limits)
    if (policy, max_hours) == (before.idle, before.max_hours):
        return decision
    limited = replace(before, idle=policy, max_hours=max_hours)
    message = f"The policy of {instance.name} was reduced to the limits of the desk: {limited.summary}."
    reason = EventReason(code=EventCode.POLICY_LIMITED, message=message)
    changed = replace(instance, spec=replace(instance.spec, policy=limited))
    plan = record_event(changed, reason, decision.now)
    return replace(decision, plan=replace(plan, requeue=True))


def decide_move(decision: Decision) -> Decision:
    """Decide what the move of the instance requires. Before a launch at the target, it stays stopped."""
    if decision.plan:
        return decision
    plan = moving.decide(decision.instance, decision.observation, decision.now, decision.context.desk)
    return replace(decision, plan=plan)


def decide_phase(decision: Decision) -> Decision:
    """Decide what the phase of the instance requires."""
    if decision.plan:
        return decision
    plan, mode = _plan_phase(decision), decision.context.desk.mode
    return replace(decision, plan=fail_stopped_move(decision.instance, plan, mode, decision.now))


def require_delivery(decision: Decision) -> Decision:
    """Let a new stop warning wait for its delivery if it can be delivered by a channel."""
    plan, before = decision.decided_plan, decision.instance
    warning = plan.instance.warning
    is_new = warning is not None and (before.warning is None or before.warning.id != warning.id)
    if warning is None or not is_new or not decision.context.directory.can_notify(before.owner):
        return decision
    instance = replace(plan.instance, warning=replace(warning, requires_delivery=True))
    return replace(decision, plan=replace(plan, instance=instance))


def forget_ended_facts(decision: Decision) -> Decision:
    """Forget the notified facts that are over."""
    plan = decision.decided_plan
    instance = notified_facts.forget_ended_facts(plan.instance, decision.observation, decision.now)
    return replace(decision, plan=replace(plan, instance=instance))


def abandon_benchmark(decision: Decision) -> Decision:
    """End the benchmark of an instance that does not stay ready."""
    return replace(decision, plan=benchmark_run.abandon_benchmark(decision.decided_plan, decision.now))


def apply_metering(decision: Decision) -> Decision:
    """Advance the meter to the state that the plan leaves the record in.

    A start is billed at the present prices, and a spot instance always.
    """
    plan = decision.decided_plan
    instance = update_rates_at_start(decision.before, plan.instance, decision.context.catalog)
    instance = update_spot_rates(instance, decision.context.find_spot_price)
    metered = advance_plan_meter(decision.before, replace(plan, instance=instance), decision.now)
    return replace(decision, plan=metered)


STAGES: tuple[Stage, ...] = (
    apply_ec2_state,
    decide_interruption,
    apply_limits,
    decide_move,
    decide_phase,
    require_delivery,
    apply_mode,
    forget_ended_facts,
    abandon_benchmark,
    apply_metering,
)
"""The stages of a decision, in this order:

1. `apply_ec2_state` is first: the other stages decide on what EC2 shows now. Something that was done outside gpudesk,
   or an instance that EC2 does not show, decides the plan.
2. `decide_interruption` comes before the phase: an interruption ends each of them within two minutes.
3. `apply_limits` comes before the phase, so that no stop follows from a policy that exceeds the limits.
4. `decide_move` comes before the phase: while an instance moves, a failed launch or a stop means that it is taken back.
5. `decide_phase` always decides. It is skipped if a stage before it has decided.
6. `require_delivery` sees the warnings of all stages before it, and must come before a dry run discards them.
7. `apply_mode` sees every plan, so that nothing gets around the mode.
8. `forget_ended_facts` sees what is written: a fact that is over can be notified again by the next decision.
9. `abandon_benchmark` comes after the mode: only a phase that is really written ends a benchmark.
10. `apply_metering` is last: it bills what is written, from the record as it was read.
"""


def _plan_phase(decision: Decision) -> Plan:
    instance, observation, now, context = decision.instance, decision.observation, decision.now, decision.context
    match instance.phase:
        case Phase.REQUESTED | Phase.LAUNCHING:
            return launching.decide(instance, now, context.desk, observation.quotas)
        case Phase.BOOTING:
            return booting.decide(instance, observation, now, context.desk)
        case Phase.SETTING_UP:
            return setting_up.decide(instance, observation, now, context)
        case Phase.READY:
            return ready.decide(instance, observation, now, context)
        case Phase.FAILED:
            return failed.decide(instance, observation, now, context)
        case Phase.STOPPING:
            hook = before_stop.decide(instance, observation, now, context)
            return hook or stopping.decide_stopping(instance, now, context.desk.mode)
        case Phase.STOPPED:
            return stopping.decide_stopped(instance, observation, now)
        case Phase.TERMINATING:
            return stopping.decide_terminating(instance, observation, now, context.desk.mode)
        case Phase.TERMINATED:
            return no_op(instance, EventCode.TERMINATED, f"{instance.name} is terminated.")
        case _ as impossible:
            assert_never(impossible)
