"""Send one document of a setup, and record what became of the call."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError, PermanentAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.lifecycle import setup_results
from chalicelib.domain.instances.lifecycle.plans import (
    DecisionContext,
    build_heartbeat_key,
    no_op,
    record_event,
    require_document_run,
    require_ec2_instance,
)
from chalicelib.domain.instances.lifecycle.setup_end import describe_position, fail_setup, finish_document
from chalicelib.domain.instances.outcome import CommandSent, DocumentAlreadyInstalled
from chalicelib.domain.instances.plan import Plan, SendDocument
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.setup.installed_documents import InstalledDocument, hash_parameters, hash_recipe_document
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import DocumentResult
from chalicelib.domain.setup.state import DocumentRun, SetupState, find_installed_documents


def send_document(instance: Instance, now: datetime, context: DecisionContext) -> Plan:
    """Send the current document, or send it again under the same attempt id if SSM has not confirmed it.

    A document that the image contains unchanged is not sent: see `find_installed_match`.
    """
    setup = instance.setup
    document, run = setup.documents[setup.document_index], setup.current_run
    attempt_id = run.attempt_id if run else f"{instance.id}.{build_attempt_suffix(instance, now)}"
    parameters = _render_parameters(instance, document, attempt_id, context)
    parameters_hash = hash_parameters(parameters, attempt_id)
    if run:
        run = replace(run, last_sent_at=now)
    else:
        run = DocumentRun(attempt_id=attempt_id, sent_at=now, last_sent_at=now, parameters_hash=parameters_hash)
    installed = find_installed_match(setup, document, parameters_hash)
    message = f"Sending {document.name} to {instance.name} ({describe_position(instance)})."
    return Plan(
        instance=replace(instance, setup=replace(setup, current_run=run, retry_at=None)),
        reason=EventReason(code=EventCode.SENDING, message=message),
        step=SendDocument(
            document=document.name,
            parameters=parameters,
            attempt_id=attempt_id,
            timeout=document.timeout,
            log_group=context.desk.log_group,
            skip_if_hash=installed.document_hash if installed else None,
        ),
    )


def build_attempt_suffix(instance: Instance, now: datetime) -> str:
    """Return the unique suffix of an attempt id: setup number, document index, attempt count, time.

    No other attempt of any document on this instance has it, neither in another setup nor after a restart.
    """
    setup = instance.setup
    return f"{setup.number}.{setup.document_index}.{setup.attempts}.{int(now.timestamp())}"


def find_installed_match(setup: SetupState, document: RecipeDocument, parameters_hash: str) -> InstalledDocument | None:
    """Return the document as the image contains it, if it ran there with the same parameters.

    Only the first setup after a launch skips documents: someone who requests a setup wants the document to run.
    """
    installed = find_installed_documents(setup).get(document.name) if setup.number == 0 else None
    return installed if installed and installed.parameters_hash == parameters_hash else None


def is_expected(instance: Instance, step: SendDocument) -> bool:
    """Return whether a sent document is the one that the setup waits for."""
    run = instance.setup.current_run
    return instance.phase is Phase.SETTING_UP and run is not None and run.attempt_id == step.attempt_id


def record_command(instance: Instance, outcome: CommandSent, now: datetime) -> Plan:
    """Record that SSM accepted the document."""
    setup, run = instance.setup, require_document_run(instance)
    document = setup.documents[setup.document_index]
    confirmed = replace(run, command_id=outcome.command_id, document_hash=outcome.document_hash)
    message = f"{document.name} is running on {instance.name} ({describe_position(instance)})."
    return record_event(
        replace(instance, setup=replace(setup, current_run=confirmed)),
        EventReason(code=EventCode.DOCUMENT_STARTED, message=message),
        now,
        command_id=outcome.command_id,
        attempt_id=run.attempt_id,
    )


def record_skip(instance: Instance, outcome: DocumentAlreadyInstalled, now: datetime, mode: Mode) -> Plan:
    """Record that the image contains the document, so that it did not run, and how much time that saved."""
    setup, run = instance.setup, require_document_run(instance)
    document = setup.documents[setup.document_index]
    result = DocumentResult(
        name=document.name,
        succeeded=True,
        started_at=run.sent_at,
        ended_at=run.sent_at,
        recipe_hash=hash_recipe_document(document),
        parameters_hash=run.parameters_hash,
        document_hash=outcome.document_hash,
    )
    seconds = next((known.seconds for known in setup.installed_documents if known.name == document.name), 0)
    image = instance.spec.software.image
    source = f"Image {image.name}" if image else f"The image of {instance.name}"
    message = (
        f"{source} contains {document.name} already. gpudesk skipped it, which saves about {seconds} s "
        f"({describe_position(instance)})."
    )
    reason = EventReason(code=EventCode.DOCUMENT_SKIPPED, message=message)
    entry = timeline_entry(now, reason, details={"seconds_saved": str(seconds)})
    return finish_document(instance, result, entry, now, mode)


def record_send_error(instance: Instance, error: AwsError, now: datetime, mode: Mode) -> Plan:
    """Fail the setup if SSM rejected the document; wait and send it again if the error can pass.

    A response to an earlier call may have been lost, so the document counts as one that may have run.
    """
    setup = instance.setup
    if not isinstance(error, PermanentAwsError):
        message = f"SSM did not accept the command for {instance.name} ({error.code}). gpudesk sends it again."
        return no_op(instance, EventCode.RETRYING, message)
    document = setup.documents[setup.document_index]
    result, _ = setup_results.build_failure_result(document, require_document_run(instance), None, now)
    refused = replace(instance, setup=replace(setup, results=(*setup.results, result)))
    return fail_setup(refused, f"SSM rejected the command: {error.description}", now, mode)


def _render_parameters(
    instance: Instance, document: RecipeDocument, attempt_id: str, context: DecisionContext
) -> Mapping[str, str]:
    """Return the parameters of a document with the values of this instance and attempt."""
    values = {
        "heartbeat_key": build_heartbeat_key(context.instance_role_id, require_ec2_instance(instance).instance_id),
        "heartbeat_table": context.heartbeat_table,
        "region": context.heartbeat_region,
        "gpu_count": str(instance.spec.hardware.setup_gpu_count),
        "gpu_name": (instance.spec.hardware.gpu or "").replace(" ", "-"),
        "attempt_id": attempt_id,
    }
    return dict(document.fill(values).parameters)
