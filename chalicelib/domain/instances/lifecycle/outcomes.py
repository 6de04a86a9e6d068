"""Record the outcome of an AWS call."""

from datetime import datetime

from chalicelib.domain.common.errors import AwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.lifecycle import benchmark_run, booting, ec2_drift, ended, launching, setting_up
from chalicelib.domain.instances.lifecycle.decide import _apply_metering
from chalicelib.domain.instances.lifecycle.plans import no_op
from chalicelib.domain.instances.plan import (
    CallAccepted,
    CommandSent,
    DocumentAlreadyInstalled,
    InstanceLaunched,
    Launch,
    LaunchResolved,
    NoLongerIdle,
    Outcome,
    Plan,
    ResolveLaunch,
    SendDocument,
    Start,
    Step,
    Stop,
    Terminate,
)
from chalicelib.domain.instances.record import ClaimAction, Instance, Phase


def record_outcome(instance: Instance, step: Step, outcome: Outcome, now: datetime) -> Plan:
    """What a call's outcome changes in the record, which may have moved on while the call was made.

    An instance that was launched is a fact, whatever the record has become; anything else that nobody waits for any
    more changes nothing.
    """
    if isinstance(outcome, InstanceLaunched) and instance.phase is Phase.TERMINATED:
        plan = ec2_drift.reopen_record(instance, outcome.machine, now)
    elif _is_expected(instance, step):
        plan = _apply_outcome(instance, step, outcome, now)
    else:
        plan = no_op(instance, EventCode.SUPERSEDED, f"nobody waits for the outcome of {type(step).__name__} any more")
    return _apply_metering(instance, plan, now)


def _is_expected(instance: Instance, step: Step) -> bool:
    is_unlaunched = instance.phase in (Phase.REQUESTED, Phase.LAUNCHING) and instance.machine is None
    attempt, run, claim = instance.launch.attempt, instance.setup.current_run, instance.claim
    match step:
        case ResolveLaunch():
            return is_unlaunched and attempt is None
        case Launch():
            return is_unlaunched and attempt is not None and attempt.token == step.attempt.token
        case SendDocument():
            is_of_setup = instance.phase is Phase.SETTING_UP and run is not None and run.attempt_id == step.attempt_id
            return is_of_setup or benchmark_run.is_expected(instance, step)
        case Start():
            return instance.phase is Phase.BOOTING and claim is not None and claim.action is ClaimAction.START
        case Stop():
            return instance.phase is Phase.STOPPING and claim is not None and claim.action is ClaimAction.STOP
        case Terminate():
            return instance.phase is Phase.TERMINATING and claim is not None


def _apply_outcome(instance: Instance, step: Step, outcome: Outcome, now: datetime) -> Plan:
    match step, outcome:
        case ResolveLaunch(), LaunchResolved():
            return launching.record_resolved_launch(instance, outcome, now)
        case Launch(), InstanceLaunched(machine):
            return ec2_drift.to_booting(instance, machine, now)
        case ((ResolveLaunch() | Launch()), AwsError()):
            return launching.record_launch_error(instance, outcome, now)
        case SendDocument(), (CommandSent() | DocumentAlreadyInstalled() | AwsError()):
            return _record_send(instance, step, outcome, now)
        case Start(), AwsError():
            return booting.record_start_error(instance, outcome, now)
        case Stop(), NoLongerIdle():
            return ended.cancel_stop(instance, outcome, now)
        case ((Stop() | Terminate()), AwsError()):
            return ended.record_call_error(instance, outcome, now)
        case _, CallAccepted():
            return _as_is(instance)
        case _:
            raise ValueError(f"{type(outcome).__name__} is no outcome of {type(step).__name__}")


def _record_send(
    instance: Instance, step: SendDocument, outcome: CommandSent | DocumentAlreadyInstalled | AwsError, now: datetime
) -> Plan:
    if benchmark_run.is_expected(instance, step) and not isinstance(outcome, DocumentAlreadyInstalled):
        return benchmark_run.record_send(instance, outcome, now)
    return setting_up.record_send(instance, outcome, step, now)


def _as_is(instance: Instance) -> Plan:
    return no_op(instance, EventCode.NO_CHANGE, "as planned")
