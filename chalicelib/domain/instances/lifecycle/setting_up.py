"""The recipe's documents, one after another, in order."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import (
    COMMAND_RESEND_AFTER,
    DOCUMENT_MARGIN,
    MAX_SETUP_ATTEMPTS,
    SEND_DEADLINE,
    SETUP_RETRY,
)
from chalicelib.domain.common.errors import AwsError, PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_duration, format_time
from chalicelib.domain.common.timeline import TimelineEntry, timeline_entry
from chalicelib.domain.instances.lifecycle import setup_results
from chalicelib.domain.instances.lifecycle.booting import to_ready
from chalicelib.domain.instances.lifecycle.lifetime import decide_lifetime
from chalicelib.domain.instances.lifecycle.machine_messages import process_heartbeat
from chalicelib.domain.instances.lifecycle.plans import (
    DecisionContext,
    build_heartbeat_key,
    no_op,
    plan_desired_state,
    record_event,
    require_machine,
    with_phase,
)
from chalicelib.domain.instances.observation import CommandStatus, Observation, ObservedCommand
from chalicelib.domain.instances.plan import CommandSent, DocumentAlreadyInstalled, Plan, SendDocument
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_parameters, hash_recipe_document
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import DocumentResult
from chalicelib.domain.setup.state import DocumentRun, SetupState, find_installed_documents


def decide(instance: Instance, observation: Observation, now: datetime, rules: DecisionContext) -> Plan:
    """What follows while documents remain to be run."""
    otherwise = plan_desired_state(instance, now)
    if otherwise:
        return otherwise
    over = decide_lifetime(instance, "being set up", now, observation.heartbeat)
    if over and over.instance != instance:
        return over
    news = process_heartbeat(instance, observation, now, rules) or over
    if news:
        return news
    setup = instance.setup
    if setup.is_done:
        return to_ready(instance, f"Recipe {instance.setup.recipe} is set up.", now)
    document = setup.documents[setup.document_index]
    if setup.current_run is None:
        if setup.retry_at and now < setup.retry_at:
            return no_op(
                instance, EventCode.WAITING_TO_RETRY, f"{document.name} runs again at {format_time(setup.retry_at)}"
            )
        return _send(instance, document, now, rules)
    if setup.current_run.command_id is None:
        if now - setup.current_run.sent_at > SEND_DEADLINE:
            why = f"SSM has not taken {document.name} for {format_duration(SEND_DEADLINE)}"
            return retry_document(instance, document, setup.current_run, None, why, now)
        if now - setup.current_run.last_sent_at < COMMAND_RESEND_AFTER:
            return no_op(instance, EventCode.SENDING, f"{document.name} was sent, SSM has not confirmed it yet")
        return _send(instance, document, now, rules)
    return decide_running(instance, document, setup.current_run, observation, now, rules)


def record_send(
    instance: Instance, outcome: CommandSent | DocumentAlreadyInstalled | AwsError, step: SendDocument, now: datetime
) -> Plan:
    """What became of sending a document."""
    match outcome:
        case CommandSent():
            return command_sent(instance, outcome, step, now)
        case DocumentAlreadyInstalled():
            return document_skipped(instance, outcome, now)
        case AwsError():
            return send_failed(instance, outcome, now)


def command_sent(instance: Instance, outcome: CommandSent, step: SendDocument, now: datetime) -> Plan:
    """SSM accepted the command."""
    run = instance.setup.current_run
    confirmed = replace(run, command_id=outcome.command_id, document_hash=outcome.document_hash) if run else None
    setup = replace(instance.setup, current_run=confirmed)
    reason = EventReason(code=EventCode.DOCUMENT_STARTED, message=f"{step.document} is running ({_position(instance)})")
    return record_event(
        replace(instance, setup=setup), reason, now, command_id=outcome.command_id, attempt_id=step.attempt_id
    )


def document_skipped(instance: Instance, outcome: DocumentAlreadyInstalled, now: datetime) -> Plan:
    """The image has it: nothing runs, and that it would have taken as long as it once did is said."""
    setup, run = instance.setup, instance.setup.current_run
    if run is None:
        return no_op(instance, EventCode.SUPERSEDED, "nobody waits for the outcome of a document any more")
    name = setup.documents[setup.document_index].name
    result = DocumentResult(
        name=name,
        succeeded=True,
        started_at=run.sent_at,
        ended_at=run.sent_at,
        recipe_hash=hash_recipe_document(setup.documents[setup.document_index]),
        parameters_hash=run.parameters_hash,
        document_hash=outcome.document_hash,
    )
    saved = next(
        (
            installed_document.seconds
            for installed_document in setup.installed_documents
            if installed_document.name == name
        ),
        0,
    )
    image = instance.spec.software.image.name if instance.spec.software.image else "its image"
    message = f"{name} is in {image} already: skipped, which saves about {saved} s ({_position(instance)})"
    reason = EventReason(code=EventCode.DOCUMENT_SKIPPED, message=message)
    return _advance(instance, result, timeline_entry(now, reason, details={"seconds_saved": str(saved)}), now)


def send_failed(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """SSM did not take the command. What may pass is tried again with the same attempt id."""
    if isinstance(error, PermanentAwsError):
        return _failed(_refused(instance, now), f"SSM rejected the command: {error.description}", now)
    return no_op(instance, EventCode.RETRYING, f"SSM did not take the command ({error.code}); it is sent again")


def _refused(instance: Instance, now: datetime) -> Instance:
    """An earlier answer may have been lost, so that it is not certain that nothing of it ran."""
    setup = instance.setup
    if setup.current_run is None:
        return instance
    result, _ = setup_results.build_failure_result(setup.documents[setup.document_index], setup.current_run, None, now)
    return replace(instance, setup=replace(setup, results=(*setup.results, result)))


def _send(instance: Instance, document: RecipeDocument, now: datetime, rules: DecisionContext) -> Plan:
    setup = instance.setup
    attempt_id = setup.current_run.attempt_id if setup.current_run else f"{instance.id}.{attempt_suffix(instance, now)}"
    machine = require_machine(instance)
    values = {
        "heartbeat_key": build_heartbeat_key(rules.instance_role_id, machine.instance_id),
        "heartbeat_table": rules.heartbeat_table,
        "region": rules.heartbeat_region,
        "gpu_count": str(instance.spec.hardware.nvidia_gpu_count),
        "attempt_id": attempt_id,
    }
    parameters = document.fill(values).parameters
    mark = hash_parameters(parameters, attempt_id)
    run = (
        replace(setup.current_run, last_sent_at=now)
        if setup.current_run
        else DocumentRun(attempt_id=attempt_id, sent_at=now, last_sent_at=now, parameters_hash=mark)
    )
    baked = installed_match(setup, document, mark)
    return Plan(
        instance=replace(instance, setup=replace(setup, current_run=run, retry_at=None)),
        reason=EventReason(code=EventCode.SENDING, message=f"sending {document.name} ({_position(instance)})"),
        step=SendDocument(
            document=document.name,
            parameters=parameters,
            attempt_id=attempt_id,
            timeout=document.timeout,
            log_group=rules.desk.log_group,
            skip_if_hash=baked.document_hash if baked else None,
        ),
    )


def installed_match(setup: SetupState, document: RecipeDocument, mark: str) -> InstalledDocument | None:
    """What the image has of it: in the launch's own setup alone, since whoever asks for another one wants it run."""
    known = find_installed_documents(setup).get(document.name) if setup.number == 0 else None
    return known if known and known.parameters_hash == mark else None


def attempt_suffix(instance: Instance, now: datetime) -> str:
    """Tells this try from all others of any document, on this machine, in another setup and after a restart."""
    setup = instance.setup
    return f"{setup.number}.{setup.document_index}.{setup.attempts}.{int(now.timestamp())}"


def decide_running(
    instance: Instance,
    document: RecipeDocument,
    run: DocumentRun,
    observation: Observation,
    now: datetime,
    rules: DecisionContext,
) -> Plan:
    limit = rules.scale_script_timeout(document.timeout + DOCUMENT_MARGIN)
    match observation.command:
        case ObservedCommand(status=CommandStatus.SUCCEEDED):
            return _succeeded(instance, document, run, observation.command, now)
        case ObservedCommand(status=CommandStatus.FAILED) as command:
            return retry_document(
                instance, document, run, command, f"{document.name} ended as {command.status_details}", now
            )
        case _ if now - run.sent_at > limit:
            why = f"{document.name} did not end within {document.timeout}"
            return retry_document(instance, document, run, None, why, now)
        case _:
            return no_op(instance, EventCode.SETTING_UP, f"{document.name} is running ({_position(instance)})")


def _succeeded(
    instance: Instance, document: RecipeDocument, run: DocumentRun, command: ObservedCommand, now: datetime
) -> Plan:
    result = setup_results.build_success_result(document, run, command, now)
    reason = EventReason(
        code=EventCode.DOCUMENT_SUCCEEDED, message=setup_results.describe_result(result, _position(instance))
    )
    plan = _advance(instance, result, timeline_entry(now, reason, details={"command_id": run.command_id or ""}), now)
    return replace(plan, durations=setup_results.collect_step_durations(result, instance.spec.hardware.instance_type))


def _advance(instance: Instance, result: DocumentResult, line: TimelineEntry, now: datetime) -> Plan:
    """One document is behind it: on to the next, or ready."""
    setup = replace(
        instance.setup,
        document_index=instance.setup.document_index + 1,
        attempts=0,
        current_run=None,
        results=(*instance.setup.results, result),
        failure=None,
    )
    done = replace(instance, setup=setup)
    if setup.is_done:
        plan = to_ready(
            done, f"Recipe {instance.setup.recipe} was set up {setup_results.describe_setup(done, now)}.", now
        )
        return replace(plan, timeline=(line, *plan.timeline))
    return Plan(instance=done, reason=EventReason(code=line.code, message=line.message), timeline=(line,), requeue=True)


def retry_document(
    instance: Instance,
    document: RecipeDocument,
    run: DocumentRun,
    command: ObservedCommand | None,
    otherwise: str,
    now: datetime,
) -> Plan:
    """Tried again, as often as is worth it.

    :param command: None where it has not ended
    :param otherwise: what happened, where no step is known to have failed
    """
    result, failure = setup_results.build_failure_result(document, run, command, now)
    why = setup_results.describe_failure(failure, otherwise)
    tries = instance.setup.attempts + 1
    setup = replace(
        instance.setup,
        attempts=tries,
        current_run=None,
        retry_at=now + SETUP_RETRY,
        results=(*instance.setup.results, result),
        failure=failure,
    )
    tried = replace(instance, setup=setup)
    if tries >= MAX_SETUP_ATTEMPTS:
        return _failed(tried, f"{why}, {tries} times. {failure.remediation}", now)
    message = f"{why}; trying again ({tries} of {MAX_SETUP_ATTEMPTS} tries used). {failure.remediation}"
    return record_event(
        tried, EventReason(code=EventCode.DOCUMENT_FAILED, message=message), now, command_id=run.command_id or ""
    )


def _failed(instance: Instance, why: str, now: datetime) -> Plan:
    """Setup is over; the machine is stopped after a warning, unless it was ready before: then it goes on as it was."""
    if instance.setup.on_running_instance:
        return _given_up(instance, why, now)
    stop_at = now + instance.spec.policy.idle.warning_period
    reason = _setup_failed(instance, why)
    message = (
        f"{reason.message} {instance.name} will be stopped at {format_time(stop_at)}. To leave it running, press Keep "
        "or run gpudesk-keep 4h on it. You can connect to it, run its setup again, or terminate it."
    )
    warned = StopWarning(warning_type=WarningType.FAILED, created_at=now, stop_at=stop_at, message=message)
    failed = replace(with_phase(instance, Phase.FAILED, reason, now), warning=warned)
    return record_event(failed, EventReason(code=EventCode.SETUP_FAILED, message=message), now)


def _given_up(instance: Instance, why: str, now: datetime) -> Plan:
    """People may be at work on it, so it is not stopped for that; idleness bounds it again."""
    message = (
        f"{_setup_failed(instance, why).message} {instance.name} stays ready: it can be used as before, as far as "
        "that setup has not changed it. To try again, run its setup again."
    )
    reason = EventReason(code=EventCode.SETUP_FAILED, message=message)
    setup = replace(instance.setup, abandoned=True, current_run=None, retry_at=None)
    ready = replace(with_phase(instance, Phase.READY, reason, now), setup=setup, ready_since=now)
    return record_event(ready, reason, now, recipe=instance.setup.recipe)


def _setup_failed(instance: Instance, why: str) -> EventReason:
    message = f"Setup of {instance.setup.recipe} failed on {instance.name}: {ensure_period(why)}"
    return EventReason(code=EventCode.SETUP_FAILED, message=message)


def _position(instance: Instance) -> str:
    return f"document {instance.setup.document_index + 1} of {len(instance.setup.documents)}"
