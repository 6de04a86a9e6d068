"""How far a setup is, as of now: the step that runs, and how long it all still takes by what it took before."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.domain.idle.heartbeat import MAX_NAME_LENGTH, DecodedHeartbeat, Heartbeat, StepProgress
from chalicelib.domain.idle.heartbeat_encoding import truncate_ascii
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.results import StepDurations

STEP_POSITION_PATTERN = re.compile(r"([0-9]{1,4}) of ([0-9]{1,4})")


@dataclass(frozen=True, kw_only=True)
class CurrentStep:
    """The step that runs, as its machine last told.

    :param index: which of the document's `count` steps it is, from 1; both are None if the machine's text is unreadable
    :param remaining: by what it took before; None where nobody knows
    :param reported_at: by the machine
    """

    name: str
    index: int | None
    count: int | None
    line: str
    started_at: datetime
    running_for: timedelta
    remaining: timedelta | None
    reported_at: datetime


@dataclass(frozen=True, kw_only=True)
class SetupProgress:
    """The setup that runs.

    :param step: None where its machine has not told
    :param remaining: of all documents that are left; None where one of them has not run on this type before
    """

    step: CurrentStep | None
    remaining: timedelta | None


def compute_setup_progress(
    instance: Instance,
    report: DecodedHeartbeat,
    before: Mapping[str, StepDurations],
    now: datetime,
    scale_script_timeout: Callable[[timedelta], timedelta],
) -> SetupProgress | None:
    """As of now; None where nothing is left to be set up.

    :param before: how long documents took on this instance type, by name
    :param scale_script_timeout: how long a script's time lasts on the desk's clock
    """
    setup = instance.setup
    if setup.is_done:
        return None
    document, *later = setup.documents[setup.document_index :]
    took = before.get(document.name)
    step = _step(instance, document, report, took, now, scale_script_timeout)
    if took is None or any(each.name not in before for each in later):
        return SetupProgress(step=step, remaining=None)
    left = _left(took, step, now - setup.current_run.sent_at if setup.current_run else timedelta(0))
    return SetupProgress(step=step, remaining=sum((before[each.name].total for each in later), left))


def _step(
    instance: Instance,
    document: RecipeDocument,
    report: DecodedHeartbeat,
    took: StepDurations | None,
    now: datetime,
    scale_script_timeout: Callable[[timedelta], timedelta],
) -> CurrentStep | None:
    progress, run = _matching_progress(instance, document, report), instance.setup.current_run
    if progress is None or run is None or not isinstance(report, Heartbeat):
        return None
    started_at = max(run.sent_at, report.at - scale_script_timeout(progress.running_for))
    if report.at < run.sent_at or started_at > now:
        return None
    known = dict(took.steps).get(progress.step) if took else None
    index, count = _position(progress.position)
    return CurrentStep(
        name=progress.step,
        index=index,
        count=count,
        line=progress.last_output_line,
        started_at=started_at,
        running_for=now - started_at,
        remaining=max(timedelta(0), known - (now - started_at)) if known is not None else None,
        reported_at=report.at,
    )


def _matching_progress(instance: Instance, document: RecipeDocument, report: DecodedHeartbeat) -> StepProgress | None:
    """What this machine says of this document; a heartbeat has room for the beginning of a name."""
    machine = instance.machine
    if not isinstance(report, Heartbeat) or machine is None or report.instance_id != machine.instance_id:
        return None
    progress = report.setup
    return progress if progress and progress.document == truncate_ascii(document.name, MAX_NAME_LENGTH) else None


def _position(text: str) -> tuple[int | None, int | None]:
    """Read "2 of 5". The machine wrote it, so it may be anything."""
    found = STEP_POSITION_PATTERN.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else (None, None)


def _left(took: StepDurations, step: CurrentStep | None, running_for: timedelta) -> timedelta:
    """Of the document that runs: by its step, where that is known, else by the time since it was sent."""
    names = [name for name, _ in took.steps]
    if step is None or step.remaining is None or step.name not in names:
        return max(timedelta(0), took.total - running_for)
    later = took.steps[names.index(step.name) + 1 :]
    return sum((each for _, each in later), step.remaining)
