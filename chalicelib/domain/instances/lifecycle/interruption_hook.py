"""Run the before-stop hook at an interruption that EC2 itself makes: gpudesk stops nothing, so nothing waits for it.

That is so if the owner wants the instance back by itself, and if EC2 terminates the instance.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_duration
from chalicelib.domain.instances.before_stop import HookRun, StopReason, begin_hook_run
from chalicelib.domain.instances.lifecycle.hook_send import build_hook_step, record_sent_hook, record_unsent_hook
from chalicelib.domain.instances.lifecycle.hook_texts import build_output_details, describe_failure, quote_output
from chalicelib.domain.instances.lifecycle.plans import record_event
from chalicelib.domain.instances.observation import CommandStatus, Observation, ObservedCommand
from chalicelib.domain.instances.outcome import CommandSent, Outcome
from chalicelib.domain.instances.plan import Plan, RunHook
from chalicelib.domain.instances.record import Instance


def decide_hook(instance: Instance, observation: Observation, now: datetime) -> Plan | None:
    """Send the hook of a warned instance once, and record how it ended.

    :returns: None if there is no hook, or if nothing is to be done for it now
    """
    interruption, path = instance.observed.interruption, instance.spec.policy.before_stop_hook
    if interruption is None or path is None or not instance.observed.agent_seen:
        return None
    hook = interruption.hook
    if hook is None:
        return _send(instance, begin_hook_run(instance.id, path, StopReason.SPOT, now))
    if hook.ended_at is not None:
        return None
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED) as command:
            message = f"The before-stop hook {hook.path} of {instance.name} has run.{quote_output(command)}"
            return _end(instance, hook, EventReason(code=EventCode.BEFORE_STOP_ENDED, message=message), now, command)
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            return _fail(instance, hook, describe_failure(command), now, command)
    if now - hook.run.sent_at >= hook.bound:
        return _fail(instance, hook, f"its end was not reported within {format_duration(hook.bound)}", now)
    if not hook.may_have_run and now - hook.run.last_sent_at >= COMMAND_RESEND_AFTER:
        return _send(instance, replace(hook, run=replace(hook.run, last_sent_at=now)))
    return None


def is_expected(instance: Instance, step: RunHook) -> bool:
    """Return whether the outcome of a call is about the hook of an interruption."""
    hook = instance.observed.interruption.hook if instance.observed.interruption else None
    return hook is not None and hook.ended_at is None and hook.run.attempt_id == step.document.attempt_id


def record_send(instance: Instance, outcome: Outcome, now: datetime) -> Plan:
    """Record what became of the command. After an error that can pass, it is sent again.

    :raises ValueError: the outcome is not one of this call
    """
    hook = instance.observed.interruption.hook if instance.observed.interruption else None
    match outcome:
        case CommandSent(command_id) if hook:
            sent = replace(hook, run=replace(hook.run, command_id=command_id))
            return record_sent_hook(_with_hook(instance, sent), sent, now)
        case PermanentAwsError() if hook:
            return _fail(instance, hook, f"SSM rejected its command: {outcome.description}", now)
        case AwsError():
            return record_unsent_hook(instance, outcome)
        case _:
            raise ValueError(f"{type(outcome).__name__} is no outcome of a hook")


def _send(instance: Instance, hook: HookRun) -> Plan:
    message = f"Sending the before-stop hook {hook.path} of {instance.name}, because EC2 interrupts it."
    return Plan(
        instance=_with_hook(instance, hook),
        reason=EventReason(code=EventCode.SPOT_INTERRUPTION, message=message),
        step=build_hook_step(hook, must_be_idle=False),
    )


def _fail(instance: Instance, hook: HookRun, cause: str, now: datetime, command: ObservedCommand | None = None) -> Plan:
    message = (
        f"The before-stop hook {hook.path} of {instance.name} did not succeed: {ensure_period(cause)}"
        f"{quote_output(command)} Save your work on it now, if EC2 has not interrupted it yet."
    )
    return _end(instance, hook, EventReason(code=EventCode.BEFORE_STOP_FAILED, message=message), now, command)


def _end(
    instance: Instance, hook: HookRun, reason: EventReason, now: datetime, command: ObservedCommand | None
) -> Plan:
    ended = _with_hook(instance, replace(hook, ended_at=now))
    return record_event(ended, reason, now, **build_output_details(command))


def _with_hook(instance: Instance, hook: HookRun) -> Instance:
    interruption = instance.observed.interruption
    if interruption is None:
        raise ValueError(f"{instance.id}: EC2 has not warned of an interruption")
    return replace(instance, observed=replace(instance.observed, interruption=replace(interruption, hook=hook)))
