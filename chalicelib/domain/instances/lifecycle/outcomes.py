"""Decide what follows from the outcome of an AWS call."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.lifecycle import (
    before_stop,
    benchmark_run,
    document_send,
    ec2_drift,
    interruption_hook,
    launch_errors,
    launching,
    moving,
    request_cancellation,
    starting,
    stopping,
)
from chalicelib.domain.instances.lifecycle.move_late_launch import is_launch_of_ended_move, record_late_launch
from chalicelib.domain.instances.lifecycle.notified_facts import forget_facts
from chalicelib.domain.instances.lifecycle.plans import advance_plan_meter, no_op
from chalicelib.domain.instances.outcome import (
    CallAccepted,
    CommandSent,
    DocumentAlreadyInstalled,
    InstanceLaunched,
    LaunchResolved,
    NoLongerIdle,
    Outcome,
)
from chalicelib.domain.instances.plan import (
    CancelSpotRequest,
    ChangeType,
    Launch,
    Move,
    Plan,
    ResolveLaunch,
    RunHook,
    SendDocument,
    Start,
    Step,
    Stop,
    Terminate,
)
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance, Phase


def record_outcome(instance: Instance, step: Step, outcome: Outcome, now: datetime, mode: Mode = Mode.ENFORCE) -> Plan:
    """Return what the outcome of a call changes in the record, which may have changed while the call was made.

    A launched instance is always recorded, after the end of a move as an obsolete one.
    Any other outcome counts only while the record still waits for it.
    """
    if isinstance(outcome, InstanceLaunched) and instance.phase is Phase.TERMINATED:
        plan = ec2_drift.reopen_record(instance, outcome.ec2_instance, now, mode)
    elif isinstance(step, Move) and moving.is_expected(instance, step):
        plan = moving.record_call(instance, step.call, outcome if isinstance(outcome, AwsError) else None, now)
    elif isinstance(step, CancelSpotRequest) and request_cancellation.is_expected(instance, step):
        result = outcome if isinstance(outcome, AwsError) else CallAccepted()
        plan = request_cancellation.record_cancellation(instance, step, result, now)
    elif isinstance(outcome, InstanceLaunched) and is_launch_of_ended_move(instance, outcome.ec2_instance):
        plan = record_late_launch(instance, step, outcome.ec2_instance)
    elif _is_expected(instance, step):
        plan = _apply_outcome(instance, step, outcome, now, mode)
    else:
        message = f"{instance.name} no longer waits for the outcome of {type(step).__name__}."
        plan = no_op(instance, EventCode.SUPERSEDED, message)
    return advance_plan_meter(instance, plan, now)


def _is_expected(instance: Instance, step: Step) -> bool:
    is_unlaunched = instance.phase in LAUNCHING_PHASES and instance.ec2_instance is None
    attempt, claim = instance.launch.attempt, instance.claim
    match step:
        case ResolveLaunch():
            return is_unlaunched and attempt is None
        case Launch():
            return is_unlaunched and attempt is not None and attempt.token == step.attempt.token
        case SendDocument():
            return document_send.is_expected(instance, step) or benchmark_run.is_expected(instance, step)
        case RunHook():
            return before_stop.is_expected(instance, step) or interruption_hook.is_expected(instance, step)
        case Start() | ChangeType():
            return instance.phase is Phase.BOOTING and claim is not None and claim.action is ClaimAction.START
        case Move():
            return moving.is_expected(instance, step)
        case Stop():
            return instance.phase is Phase.STOPPING and claim is not None and claim.action is ClaimAction.STOP
        case CancelSpotRequest() | Terminate():
            return instance.phase is Phase.TERMINATING and claim is not None


def _apply_outcome(instance: Instance, step: Step, outcome: Outcome, now: datetime, mode: Mode) -> Plan:
    match step, outcome:
        case ResolveLaunch(), LaunchResolved():
            return launching.record_resolved_launch(instance, outcome, now)
        case Launch(), InstanceLaunched(ec2_instance):
            return ec2_drift.to_booting(instance, ec2_instance, now)
        case ((ResolveLaunch() | Launch()), AwsError()):
            return launch_errors.record_launch_error(instance, outcome, now)
        case ((SendDocument() | RunHook()), (CommandSent() | DocumentAlreadyInstalled() | AwsError())):
            return record_send(instance, step, outcome, now, mode)
        case ((Start() | ChangeType()), AwsError()):
            return starting.record_start_error(instance, outcome, now)
        case ((Stop() | RunHook()), NoLongerIdle()):
            return stopping.cancel_stop(instance, outcome, now)
        case ((Stop() | CancelSpotRequest() | Terminate()), AwsError()):
            return stopping.record_call_error(instance, outcome, now)
        case ((Start() | ChangeType()), CallAccepted()):
            return starting.record_accepted_call(instance, step)
        case _, CallAccepted():
            return _record_accepted_call(instance, step)
        case _:
            raise ValueError(f"{type(outcome).__name__} is no outcome of {type(step).__name__}")


def _record_accepted_call(instance: Instance, step: Step) -> Plan:
    """Record that AWS accepted a call. A cancelled spot request is observed at once, because a termination follows."""
    accepted = forget_facts(instance, EventCode.STOP_REFUSED, EventCode.TERMINATE_REFUSED)
    plan = no_op(accepted, EventCode.NO_CHANGE, f"AWS accepted {type(step).__name__} of {instance.name}.")
    return replace(plan, requeue=isinstance(step, CancelSpotRequest))


def record_send(
    instance: Instance,
    step: SendDocument | RunHook,
    outcome: CommandSent | DocumentAlreadyInstalled | AwsError,
    now: datetime,
    mode: Mode,
) -> Plan:
    """Record what became of a sent document: one of the setup, the one of a benchmark, or the one of a hook."""
    if isinstance(step, RunHook):
        if before_stop.is_expected(instance, step):
            return before_stop.record_send(instance, outcome, now)
        return interruption_hook.record_send(instance, outcome, now)
    is_benchmark = benchmark_run.is_expected(instance, step)
    match outcome:
        case CommandSent() if is_benchmark:
            return benchmark_run.record_command(instance, outcome, now)
        case AwsError() if is_benchmark:
            return benchmark_run.record_send_error(instance, outcome, now)
        case DocumentAlreadyInstalled() if is_benchmark:
            raise ValueError(f"{step.document}: the document of a benchmark is never skipped")
        case CommandSent():
            return document_send.record_command(instance, outcome, now)
        case DocumentAlreadyInstalled():
            return document_send.record_skip(instance, outcome, now, mode)
        case AwsError():
            return document_send.record_send_error(instance, outcome, now, mode)
