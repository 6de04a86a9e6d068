"""End a document or a whole setup: on to the next document, ready, failed, or abandoned."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_time
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.instances.lifecycle import setup_results
from chalicelib.domain.instances.lifecycle.booting import to_ready
from chalicelib.domain.instances.lifecycle.plans import record_event, with_phase
from chalicelib.domain.instances.lifecycle.stop_impact import describe_keep, describe_missing_stop
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.setup.results import DocumentResult


def finish_document(
    instance: Instance, result: DocumentResult, entry: TimelineEntry, now: datetime, mode: Mode
) -> Plan:
    """Go on to the next document, or make the instance ready after the last one.

    :param entry: the timeline entry about the document
    """
    setup = replace(
        instance.setup,
        document_index=instance.setup.document_index + 1,
        attempts=0,
        current_run=None,
        results=(*instance.setup.results, result),
        failure=None,
    )
    finished = replace(instance, setup=setup)
    if not setup.is_done:
        reason = EventReason(code=entry.code, message=entry.message)
        return Plan(instance=finished, reason=reason, timeline=(entry,), requeue=True)
    summary = f"Recipe {setup.recipe} was set up {setup_results.describe_setup(finished, now)}."
    plan = to_ready(finished, summary, now, mode)
    return replace(plan, timeline=(entry, *plan.timeline))


def fail_setup(instance: Instance, cause: str, now: datetime, mode: Mode) -> Plan:
    """End a setup that failed: gpudesk stops the instance after a warning, unless it was ready before.

    Without the mode `enforce` there is no warning, because nothing would follow.

    :param cause: why it failed, as a clause or sentences
    """
    if instance.setup.on_running_instance:
        return _abandon_setup(instance, cause, now)
    reason = _build_failure_reason(instance, cause)
    failed = with_phase(instance, Phase.FAILED, reason, now)
    if instance.is_launching_for_move:
        # The next decision ends the move, and notifies the owner with this reason.
        return Plan(instance=failed, reason=reason, requeue=True)
    choices = "You can connect to it, run its setup again (it skips the steps that are done), or terminate it."
    if mode is not Mode.ENFORCE:
        message = f"{reason.message} {describe_missing_stop(instance.name, mode)} {choices}"
        return record_event(failed, EventReason(code=EventCode.SETUP_FAILED, message=message), now)
    stop_at = now + instance.spec.policy.idle.warning_period
    message = (
        f"{reason.message} {instance.name} will be stopped at {format_time(stop_at)}. To leave it running, "
        f"{describe_keep(instance)}. {choices}"
    )
    warning = StopWarning(warning_type=WarningType.FAILED, created_at=now, stop_at=stop_at, message=message)
    announced = EventReason(code=EventCode.SETUP_FAILED, message=message)
    return record_event(replace(failed, warning=warning), announced, now)


def describe_position(instance: Instance) -> str:
    """Return which document of the setup is the current one: "document 1 of 2"."""
    return f"document {instance.setup.document_index + 1} of {len(instance.setup.documents)}"


def _abandon_setup(instance: Instance, cause: str, now: datetime) -> Plan:
    """End a failed setup of an instance that was ready before, and leave the instance ready.

    People may be working on it, so gpudesk does not stop it for that; idleness is judged again.
    """
    message = (
        f"{_build_failure_reason(instance, cause).message} {instance.name} stays ready and can be used as before, "
        "except for what that setup has changed. To try again, run its setup again: it skips the steps that are done."
    )
    reason = EventReason(code=EventCode.SETUP_FAILED, message=message)
    setup = replace(instance.setup, abandoned=True, current_run=None, retry_at=None)
    ready = replace(with_phase(instance, Phase.READY, reason, now), setup=setup, ready_since=now)
    return record_event(ready, reason, now, recipe=instance.setup.recipe)


def _build_failure_reason(instance: Instance, cause: str) -> EventReason:
    message = f"Setup of {instance.setup.recipe} failed on {instance.name}: {ensure_period(cause)}"
    return EventReason(code=EventCode.SETUP_FAILED, message=message)
