"""Wait for the end of a document that SSM runs, and run the document again if it fails."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import (
    DOCUMENT_MARGIN,
    MAX_SETUP_ATTEMPTS,
    MAX_SETUP_INTERRUPTIONS,
    SETUP_RETRY,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.lifecycle import setup_results
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, no_op, record_event, require_document_run
from chalicelib.domain.instances.lifecycle.setup_end import describe_position, fail_setup, finish_document
from chalicelib.domain.instances.observation import CommandStatus, Observation, ObservedCommand
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.command_end import CommandEnd, classify_end, describe_end
from chalicelib.domain.setup.results import Failure


def decide_running(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    """Decide what follows from the state of the command: go on, wait, or run the document again."""
    setup, run = instance.setup, require_document_run(instance)
    document = setup.documents[setup.document_index]
    limit = document.timeout + DOCUMENT_MARGIN + instance.spec.hardware.boot_allowance
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED) as command:
            return _succeed(instance, command, now, context.desk.mode)
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            cause = describe_end(document.name, command.status_details, command.steps)
            if classify_end(command.status_details, command.steps) is CommandEnd.INTERRUPTED:
                return _rerun_interrupted(instance, command, cause, now, context.desk.mode)
            return retry_document(instance, command, cause, now, context.desk.mode)
        case _ if now - run.sent_at > context.scale_script_timeout(limit):
            cause = f"{document.name} did not end within {format_duration(document.timeout)}"
            return retry_document(instance, None, cause, now, context.desk.mode)
        case _:
            message = f"{document.name} is running on {instance.name} ({describe_position(instance)})."
            return no_op(instance, EventCode.SETTING_UP, message)


def retry_document(instance: Instance, command: ObservedCommand | None, cause: str, now: datetime, mode: Mode) -> Plan:
    """Run the current document again later, or fail the setup after `MAX_SETUP_ATTEMPTS` attempts.

    :param command: None if the command has not ended
    :param cause: what happened, as a clause; it is used if no step is known to have failed
    """
    run, attempts = require_document_run(instance), instance.setup.attempts + 1
    failed, failure = _record_failure(instance, command, now)
    instance = replace(failed, setup=replace(failed.setup, attempts=attempts))
    if attempts >= MAX_SETUP_ATTEMPTS:
        description = setup_results.describe_failure(failure, cause, f", {attempts} times")
        return fail_setup(instance, f"{description}. {failure.remediation}", now, mode)
    description = setup_results.describe_failure(failure, cause, f" on {instance.name}")
    message = (
        f"{description}. gpudesk runs it again (attempt {attempts + 1} of {MAX_SETUP_ATTEMPTS}). {failure.remediation}"
    )
    reason = EventReason(code=EventCode.DOCUMENT_FAILED, message=message)
    return record_event(instance, reason, now, command_id=run.command_id or "")


def _rerun_interrupted(instance: Instance, command: ObservedCommand, cause: str, now: datetime, mode: Mode) -> Plan:
    """Run the current document again later: the system went down meanwhile, so the document itself has not failed.

    The setup fails after `MAX_SETUP_INTERRUPTIONS`: what takes the system down may be the setup itself.
    """
    run, count = require_document_run(instance), instance.setup.interruptions + 1
    failed, failure = _record_failure(instance, command, now)
    instance = replace(failed, setup=replace(failed.setup, interruptions=count))
    if count >= MAX_SETUP_INTERRUPTIONS:
        return fail_setup(instance, f"{cause}, {count} times in this setup. {failure.remediation}", now, mode)
    message = (
        f"{cause} on {instance.name}. gpudesk runs it again (interruption {count} of at most "
        f"{MAX_SETUP_INTERRUPTIONS}). Steps that are done are skipped. {failure.remediation}"
    )
    reason = EventReason(code=EventCode.DOCUMENT_INTERRUPTED, message=message)
    return record_event(instance, reason, now, command_id=run.command_id or "")


def _record_failure(instance: Instance, command: ObservedCommand | None, now: datetime) -> tuple[Instance, Failure]:
    """Return the record after a run that did not succeed, ready for the next run, and why it did not."""
    setup, run = instance.setup, require_document_run(instance)
    result, failure = setup_results.build_failure_result(setup.documents[setup.document_index], run, command, now)
    failed = replace(
        setup, current_run=None, retry_at=now + SETUP_RETRY, results=(*setup.results, result), failure=failure
    )
    return replace(instance, setup=failed), failure


def _succeed(instance: Instance, command: ObservedCommand, now: datetime, mode: Mode) -> Plan:
    setup, run = instance.setup, require_document_run(instance)
    result = setup_results.build_success_result(setup.documents[setup.document_index], run, command, now)
    message = setup_results.describe_result(result, instance.name, describe_position(instance))
    reason = EventReason(code=EventCode.DOCUMENT_SUCCEEDED, message=message)
    entry = timeline_entry(now, reason, details={"command_id": run.command_id or ""})
    durations = setup_results.collect_step_durations(result, instance.spec.hardware.instance_type)
    return replace(finish_document(instance, result, entry, now, mode), step_durations=durations)
