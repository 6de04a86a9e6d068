"""Wait for the end of a document that SSM runs, and run the document again if it fails."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import DOCUMENT_MARGIN, MAX_SETUP_ATTEMPTS, SETUP_RETRY
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


def decide_running(instance: Instance, observation: Observation, now: datetime, context: DecisionContext) -> Plan:
    """Decide what follows from the state of the command: go on, wait, or run the document again."""
    setup, run = instance.setup, require_document_run(instance)
    document = setup.documents[setup.document_index]
    limit = document.timeout + DOCUMENT_MARGIN + instance.spec.hardware.boot_allowance
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED) as command:
            return _succeed(instance, command, now, context.desk.mode)
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            return retry_document(instance, command, f"{document.name} ended as {command.status_details}", now)
        case _ if now - run.sent_at > context.scale_script_timeout(limit):
            cause = f"{document.name} did not end within {format_duration(document.timeout)}"
            return retry_document(instance, None, cause, now)
        case _:
            message = f"{document.name} is running on {instance.name} ({describe_position(instance)})."
            return no_op(instance, EventCode.SETTING_UP, message)


def retry_document(instance: Instance, command: ObservedCommand | None, cause: str, now: datetime) -> Plan:
    """Run the current document again later, or fail the setup after `MAX_SETUP_ATTEMPTS` attempts.

    :param command: None if the command has not ended
    :param cause: what happened, as a clause; it is used if no step is known to have failed
    """
    setup, run = instance.setup, require_document_run(instance)
    document, attempts = setup.documents[setup.document_index], setup.attempts + 1
    result, failure = setup_results.build_failure_result(document, run, command, now)
    failed = replace(
        setup,
        attempts=attempts,
        current_run=None,
        retry_at=now + SETUP_RETRY,
        results=(*setup.results, result),
        failure=failure,
    )
    instance = replace(instance, setup=failed)
    if attempts >= MAX_SETUP_ATTEMPTS:
        description = setup_results.describe_failure(failure, cause, f", {attempts} times")
        return fail_setup(instance, f"{description}. {failure.remediation}", now)
    description = setup_results.describe_failure(failure, cause, f" on {instance.name}")
    message = (
        f"{description}. gpudesk runs it again (attempt {attempts + 1} of {MAX_SETUP_ATTEMPTS}). {failure.remediation}"
    )
    reason = EventReason(code=EventCode.DOCUMENT_FAILED, message=message)
    return record_event(instance, reason, now, command_id=run.command_id or "")


def _succeed(instance: Instance, command: ObservedCommand, now: datetime, mode: Mode) -> Plan:
    setup, run = instance.setup, require_document_run(instance)
    result = setup_results.build_success_result(setup.documents[setup.document_index], run, command, now)
    message = setup_results.describe_result(result, instance.name, describe_position(instance))
    reason = EventReason(code=EventCode.DOCUMENT_SUCCEEDED, message=message)
    entry = timeline_entry(now, reason, details={"command_id": run.command_id or ""})
    durations = setup_results.collect_step_durations(result, instance.spec.hardware.instance_type)
    return replace(finish_document(instance, result, entry, now, mode), step_durations=durations)
