"""Describe how a before-stop hook ended: why it did not succeed, and its output."""

from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import ensure_period, format_duration
from chalicelib.domain.instances.before_stop import BEFORE_STOP_DOCUMENT, HookRun
from chalicelib.domain.instances.observation import CommandStatus, ObservedCommand
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.command_end import CommandEnd, classify_end, describe_end, find_failed_step
from chalicelib.domain.setup.step_output import find_message, select_last_lines

MAX_OUTPUT_LENGTH = 1000
"""Characters of the output that the timeline keeps: the last ones."""

MAX_QUOTED_LENGTH = 200
"""Characters of the output that the message quotes."""


def build_end_reason(instance: Instance, hook: HookRun, command: ObservedCommand, now: datetime) -> EventReason:
    """Return how a hook ended, and that the stop follows."""
    if command.status is CommandStatus.FAILED:
        return build_failure_reason(instance, hook, describe_failure(command), quote_output(command))
    duration = format_duration(now - hook.run.sent_at)
    message = (
        f"The before-stop hook {hook.path} of {instance.name} has run. gpudesk stops {instance.name} now, {duration} "
        f"later.{quote_output(command)}"
    )
    return EventReason(code=EventCode.BEFORE_STOP_ENDED, message=message)


def build_failure_reason(instance: Instance, hook: HookRun, cause: str, output: str = "") -> EventReason:
    """Return why a hook did not succeed, and that the stop follows.

    :param cause: as a clause
    """
    message = (
        f"The before-stop hook {hook.path} of {instance.name} did not succeed: {ensure_period(cause)} "
        f"{instance.name} is stopped nevertheless.{output} Start it and check whether your work is complete."
    )
    return EventReason(code=EventCode.BEFORE_STOP_FAILED, message=message)


def describe_failure(command: ObservedCommand) -> str:
    """Return why a hook did not succeed, as a clause: what the script says, or what became of the command."""
    step = find_failed_step(command.steps)
    if step and classify_end(command.status_details, command.steps) is CommandEnd.STEP_FAILED:
        return find_message(step) or describe_end(BEFORE_STOP_DOCUMENT, command.status_details, command.steps)
    return describe_end(BEFORE_STOP_DOCUMENT, command.status_details, command.steps)


def build_output_details(command: ObservedCommand | None) -> dict[str, str]:
    """Return the end of the output as a detail of a timeline entry; nothing if there is none."""
    lines = _collect_output(command)
    return {"output": " / ".join(lines)[-MAX_OUTPUT_LENGTH:]} if lines else {}


def quote_output(command: ObservedCommand | None) -> str:
    """Return the end of the output as a sentence after a space; an empty text if there is none."""
    text = " / ".join(_collect_output(command))
    if not text:
        return ""
    quoted = text if len(text) <= MAX_QUOTED_LENGTH else f"...{text[-MAX_QUOTED_LENGTH:]}"
    return f" Its output ends with: {ensure_period(quoted)}"


def _collect_output(command: ObservedCommand | None) -> tuple[str, ...]:
    return tuple(line for step in command.steps for line in select_last_lines(step)) if command else ()
