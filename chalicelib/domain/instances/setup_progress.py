"""Compute the progress of a setup: the step that runs, and the remaining time, estimated from earlier runs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.idle.heartbeat import MAX_NAME_LENGTH, DecodedHeartbeat, Heartbeat, StepProgress
from chalicelib.domain.idle.heartbeat_encoding import truncate_ascii
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.results import StepDurations

STEP_POSITION_PATTERN = re.compile(r"([0-9]{1,4}) of ([0-9]{1,4})")


@dataclass(frozen=True, kw_only=True)
class CurrentStep:
    """The step that runs, as the instance last reported it.

    :param index: which of the `count` steps of the document it is, from 1; both are None if the text is unreadable
    :param last_output_line: the last line of its output
    :param remaining: estimated from an earlier run; None if there was none
    :param reported_at: time on the clock of the instance
    """

    name: str
    index: int | None
    count: int | None
    last_output_line: str
    started_at: datetime
    running_for: timedelta
    remaining: timedelta | None
    reported_at: datetime


@dataclass(frozen=True, kw_only=True)
class SetupProgress:
    """The progress of the setup that runs.

    :param step: None if the instance has not reported it
    :param remaining: for all documents that are left; None if one of them has not run on this instance type before
    """

    step: CurrentStep | None
    remaining: timedelta | None


def compute_setup_progress(
    instance: Instance,
    heartbeat: DecodedHeartbeat,
    known: Mapping[str, StepDurations],
    now: datetime,
    scale_script_timeout: Callable[[timedelta], timedelta],
) -> SetupProgress | None:
    """Compute the progress of a setup now.

    :param known: how long documents took on this instance type, by name
    :param scale_script_timeout: converts a duration on the instance to gpudesk's clock, which can run faster
    :returns: None if nothing is left to be set up
    """
    setup = instance.setup
    if setup.is_done:
        return None
    document, *later = setup.documents[setup.document_index :]
    durations = known.get(document.name)
    step = _find_current_step(instance, heartbeat, durations, now, scale_script_timeout)
    if durations is None or any(each.name not in known for each in later):
        return SetupProgress(step=step, remaining=None)
    running_for = now - setup.current_run.sent_at if setup.current_run else timedelta(0)
    remaining = _estimate_remaining(durations, step, running_for)
    return SetupProgress(step=step, remaining=sum((known[each.name].total for each in later), remaining))


def _find_current_step(
    instance: Instance,
    heartbeat: DecodedHeartbeat,
    durations: StepDurations | None,
    now: datetime,
    scale_script_timeout: Callable[[timedelta], timedelta],
) -> CurrentStep | None:
    """Return the step that the heartbeat reports; None if it says nothing about the document that runs now."""
    progress, run = _find_progress(instance, heartbeat), instance.setup.current_run
    if progress is None or run is None or not isinstance(heartbeat, Heartbeat):
        return None
    started_at = max(run.sent_at, heartbeat.at - scale_script_timeout(progress.running_for))
    if heartbeat.at < run.sent_at or started_at > now:
        return None
    expected = dict(durations.steps).get(progress.step) if durations else None
    index, count = _parse_position(progress.position)
    return CurrentStep(
        name=progress.step,
        index=index,
        count=count,
        last_output_line=progress.last_output_line,
        started_at=started_at,
        running_for=now - started_at,
        remaining=max(timedelta(0), expected - (now - started_at)) if expected is not None else None,
        reported_at=heartbeat.at,
    )


def _find_progress(instance: Instance, heartbeat: DecodedHeartbeat) -> StepProgress | None:
    """Return what the instance reports about its current document; a heartbeat holds only the start of a long name."""
    ec2_instance, setup = instance.ec2_instance, instance.setup
    if (
        not isinstance(heartbeat, Heartbeat)
        or ec2_instance is None
        or heartbeat.instance_id != ec2_instance.instance_id
    ):
        return None
    name = truncate_ascii(setup.documents[setup.document_index].name, MAX_NAME_LENGTH)
    return heartbeat.setup if heartbeat.setup and heartbeat.setup.document == name else None


def _parse_position(text: str) -> tuple[int | None, int | None]:
    """Parse "2 of 5". The instance wrote the text, so it can be anything."""
    match = STEP_POSITION_PATTERN.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else (None, None)


def _estimate_remaining(durations: StepDurations, step: CurrentStep | None, running_for: timedelta) -> timedelta:
    """Estimate the rest of a document: by its step if that is known, otherwise by the time since it was sent."""
    names = [name for name, _ in durations.steps]
    if step is None or step.remaining is None or step.name not in names:
        return max(timedelta(0), durations.total - running_for)
    later = durations.steps[names.index(step.name) + 1 :]
    return sum((duration for _, duration in later), step.remaining)
