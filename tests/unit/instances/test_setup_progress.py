"""The progress and the results of a setup: the running step, the remaining time, and what is learned for later runs."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, StepProgress
from chalicelib.domain.instances.lifecycle import setup_results
from chalicelib.domain.instances.observation import CommandStatus, ObservedCommand
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.setup_progress import SetupProgress, compute_setup_progress
from chalicelib.domain.setup.results import StepDurations
from chalicelib.domain.setup.state import DocumentRun, SetupState
from chalicelib.domain.setup.step_output import SKIPPED_MARKERS, StepOutput
from tests.unit.instances.simulation import DOCUMENTS, build_heartbeat, build_instance, get_time

PROBE, JUPYTER = DOCUMENTS
MINUTE = timedelta(minutes=1)
KNOWN = {
    PROBE.name: StepDurations(PROBE.name, "g4dn.xlarge", tuple((step, 2 * MINUTE) for step in ("inspect", "install"))),
    JUPYTER.name: StepDurations(JUPYTER.name, "g4dn.xlarge", (("install", 3 * MINUTE), ("start", 3 * MINUTE))),
}
INSTALLING = StepProgress(
    document=JUPYTER.name, step="install", position="1 of 2", running_for=MINUTE, last_output_line="Making it."
)


def setting_up(document_index: int) -> Instance:
    """Return an instance whose document was sent in minute 0."""
    run = DocumentRun(attempt_id="a-1", sent_at=get_time(0), last_sent_at=get_time(0), command_id="c-1")
    setup = SetupState(recipe="jupyter", documents=DOCUMENTS, document_index=document_index, current_run=run)
    return replace(build_instance(), phase=Phase.SETTING_UP, setup=setup)


def progress(
    instance: Instance, minute: float, report: DecodedHeartbeat = None, known: Mapping[str, StepDurations] = KNOWN
) -> SetupProgress:
    found = compute_setup_progress(instance, report, known, get_time(minute), lambda limit: limit)
    assert found is not None
    return found


def reporting(minute: float, step: StepProgress) -> DecodedHeartbeat:
    return replace(build_heartbeat(minute), setup=step)


def test_running_step_is_shown_as_of_now() -> None:
    shown = progress(setting_up(1), 2.5, reporting(2, INSTALLING), known={})
    assert shown.step is not None
    assert (shown.step.name, shown.step.index, shown.step.count) == ("install", 1, 2)
    assert (shown.step.last_output_line, shown.step.running_for) == ("Making it.", 1.5 * MINUTE)
    assert (shown.step.remaining, shown.remaining) == (None, None), "the document has not run on this type before"


def test_remaining_time_follows_from_earlier_runs() -> None:
    shown = progress(setting_up(1), 2, reporting(2, INSTALLING))
    assert shown.step is not None
    assert (shown.step.remaining, shown.remaining) == (2 * MINUTE, 5 * MINUTE)
    assert progress(setting_up(1), 2).remaining == 4 * MINUTE, "without a step, by the time since the document was sent"
    assert progress(setting_up(0), 0).remaining == 10 * MINUTE
    assert progress(setting_up(0), 99).remaining == 6 * MINUTE


def test_remaining_time_is_unknown_if_one_document_has_not_run_before() -> None:
    assert progress(setting_up(0), 0, known={PROBE.name: KNOWN[PROBE.name]}).remaining is None


def test_setup_without_a_document_left_has_no_progress() -> None:
    assert compute_setup_progress(setting_up(2), None, KNOWN, get_time(1), lambda limit: limit) is None


def test_step_of_another_document_is_not_shown() -> None:
    assert progress(setting_up(1), 2, reporting(2, replace(INSTALLING, document="gpudesk-other"))).step is None
    assert progress(setting_up(0), 2, reporting(2, INSTALLING)).step is None


@pytest.mark.parametrize("position", ["", "two of 2", "1 of", "-1 of 2", "1 of 99999"])
def test_unreadable_position_of_a_step_is_left_out(position: str) -> None:
    shown = progress(setting_up(1), 2, reporting(2, replace(INSTALLING, position=position)))
    assert shown.step is not None
    assert (shown.step.name, shown.step.index, shown.step.count) == ("install", None, None)


def test_skipped_step_is_described_and_its_duration_is_not_learned() -> None:
    def ran(name: str, first: float, last: float, output: str = "") -> StepOutput:
        return StepOutput(
            name=name, status="Success", exit_code=0, output=output, started_at=get_time(first), ended_at=get_time(last)
        )

    def result_of(*steps: StepOutput) -> tuple[str, StepDurations | None]:
        command = ObservedCommand(
            command_id="c-1", status=CommandStatus.SUCCEEDED, status_details="Success", steps=steps
        )
        run = DocumentRun(attempt_id="a-1", sent_at=get_time(0), last_sent_at=get_time(0))
        result = setup_results.build_success_result(JUPYTER, run, command, get_time(6))
        learned = setup_results.collect_step_durations(result, "g4dn.xlarge")
        return setup_results.describe_result(result, "n", "document 2 of 2"), learned

    described, learned = result_of(ran("install", 0, 3), ran("start", 3, 6))
    assert "(document 2 of 2): install 180 s, start 180 s" in described
    assert learned == KNOWN[JUPYTER.name]
    described, learned = result_of(ran("install", 0, 0, SKIPPED_MARKERS[0]), ran("start", 3, 6))
    assert "install was done before, start 180 s" in described
    assert learned is None
