"""Run the owner's hook before a stop: send it, wait for it within its bound, then stop the instance.

The stop is claimed before the hook runs, so a keep cannot cancel it any more. Whatever becomes of the hook, the stop
follows. The attempt id stays the same for one stop, so the instance runs the hook once.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.before_stop import HookRun, StopReason, begin_hook_run, get_bound
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.lifecycle.hook_send import build_hook_step, record_sent_hook, record_unsent_hook
from chalicelib.domain.instances.lifecycle.hook_texts import (
    build_end_reason,
    build_failure_reason,
    build_output_details,
)
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, no_op, record_event, require_ec2_instance
from chalicelib.domain.instances.observation import CommandStatus, Observation, ObservedCommand
from chalicelib.domain.instances.outcome import CommandSent, Outcome
from chalicelib.domain.instances.plan import Plan, RunHook, Stop
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


def run_hook_first(plan: Plan, reason: StopReason, now: datetime) -> Plan:
    """Return the plan of a stop with the hook before the call. Without a hook the plan stays as it is.

    :param plan: a plan of `begin_action`, which claims a stop
    :param reason: why the instance is stopped; it decides the bound, and the hook can read it
    """
    instance, claim, step = plan.instance, plan.instance.claim, plan.step
    path = instance.spec.policy.before_stop_hook
    if path is None or claim is None or not isinstance(step, Stop) or not instance.observed.agent_seen:
        return plan
    hook = begin_hook_run(instance.id, path, reason, now)
    waiting = replace(claim, hook=hook, last_called_at=None)
    first = f" First its before-stop hook {path} runs, for at most {format_duration(get_bound(reason))}."
    return replace(
        plan,
        instance=replace(
            instance, claim=waiting, reason=replace(instance.reason, message=instance.reason.message + first)
        ),
        timeline=tuple(replace(entry, message=entry.message + first) for entry in plan.timeline),
        step=build_hook_step(hook, must_be_idle=step.if_still_idle),
    )


def decide(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan | None:
    """Decide what follows for the hook of a claimed stop: wait, send it again, or stop the instance.

    :returns: None if there is no hook to wait for
    """
    claim = instance.claim
    hook = claim.pending_hook if claim and claim.action is ClaimAction.STOP else None
    if claim is None or hook is None or instance.spec.desired is DesiredState.TERMINATED:
        return None
    state = require_ec2_instance(instance).state
    if state in (Ec2State.STOPPING, Ec2State.STOPPED):
        return _record_early_stop(instance, claim, hook, observation, now)
    if state is not Ec2State.RUNNING:
        return None
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED | CommandStatus.FAILED) as command:
            return _stop(instance, claim, build_end_reason(instance, hook, command, now), now, command)
    if now - hook.run.sent_at >= context.scale_script_timeout(hook.bound):
        cause = f"it did not end within {format_duration(hook.bound)}"
        if not hook.may_have_run:
            cause = f"SSM did not accept its command within {format_duration(hook.bound)}"
        return _stop(instance, claim, build_failure_reason(instance, hook, cause), now)
    if not hook.may_have_run and now - hook.run.last_sent_at >= COMMAND_RESEND_AFTER:
        return _send_again(instance, claim, hook, now)
    message = f"{instance.name} is being stopped. gpudesk waits for its before-stop hook {hook.path}."
    return no_op(instance, EventCode.STOPPING, message)


def is_expected(instance: Instance, step: RunHook) -> bool:
    """Return whether the outcome of a call is about the hook that a claimed stop waits for."""
    hook = instance.claim.pending_hook if instance.claim else None
    return instance.phase is Phase.STOPPING and hook is not None and hook.run.attempt_id == step.document.attempt_id


def record_send(instance: Instance, outcome: Outcome, now: datetime) -> Plan:
    """Record what became of the command. If SSM rejected it, the stop follows at once.

    After an error that can pass, the command is sent again.

    :raises ValueError: the outcome is not one of this call
    """
    claim, hook = _require_hook(instance)
    match outcome:
        case CommandSent(command_id):
            sent = replace(hook, run=replace(hook.run, command_id=command_id))
            return record_sent_hook(replace(instance, claim=replace(claim, hook=sent)), sent, now)
        case PermanentAwsError():
            reason = build_failure_reason(instance, hook, f"SSM rejected its command: {outcome.description}")
            ended = replace(instance, claim=_end_hook(claim, now))
            return replace(record_event(ended, reason, now), requeue=True)
        case AwsError():
            return record_unsent_hook(instance, outcome)
        case _:
            raise ValueError(f"{type(outcome).__name__} is no outcome of a hook")


def _send_again(instance: Instance, claim: Claim, hook: HookRun, now: datetime) -> Plan:
    """Send the hook once more: the call failed, or its response was lost."""
    again = replace(hook, run=replace(hook.run, last_sent_at=now))
    message = f"gpudesk sends the before-stop hook of {instance.name} again."
    return Plan(
        instance=replace(instance, claim=replace(claim, hook=again)),
        reason=EventReason(code=EventCode.STOPPING, message=message),
        step=build_hook_step(again, must_be_idle=claim.must_be_idle),
    )


def _stop(
    instance: Instance, claim: Claim, reason: EventReason, now: datetime, command: ObservedCommand | None = None
) -> Plan:
    """Write how the hook ended, and make the call that it delayed."""
    return Plan(
        instance=replace(instance, claim=replace(_end_hook(claim, now), last_called_at=now)),
        reason=reason,
        timeline=(timeline_entry(now, reason, details=build_output_details(command)),),
        step=Stop(if_still_idle=claim.must_be_idle),
    )


def _record_early_stop(
    instance: Instance, claim: Claim, hook: HookRun, observation: Observation, now: datetime
) -> Plan:
    """Write what became of the hook of an instance that stopped before gpudesk made the call."""
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED | CommandStatus.FAILED) as command:
            reason = build_end_reason(instance, hook, command, now)
        case _:
            reason = build_failure_reason(instance, hook, f"{instance.name} stopped before its end was reported")
    ended = replace(instance, claim=_end_hook(claim, now))
    return replace(record_event(ended, reason, now), requeue=True)


def _end_hook(claim: Claim, now: datetime) -> Claim:
    hook = replace(claim.hook, ended_at=now) if claim.hook else None
    return replace(claim, hook=hook, first_called_at=now)


def _require_hook(instance: Instance) -> tuple[Claim, HookRun]:
    """Return the claim and the hook that it waits for.

    :raises ValueError: it waits for none
    """
    claim = instance.claim
    if claim is None or claim.pending_hook is None:
        raise ValueError(f"{instance.id}: no stop waits for a hook")
    return claim, claim.pending_hook
