"""The setup: documents run one after another, a failed one again. A failed setup is stopped after a warning."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.common.aws_errors import TransientAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, KeepRequest
from chalicelib.domain.instances.commands import keep, stop_start
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request
from chalicelib.domain.instances.commands.setup_request import SetupRequest
from chalicelib.domain.instances.plan import SendDocument
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import (
    DOCUMENTS,
    Simulation,
    build_heartbeat,
    build_instance,
    build_requested_instance,
    get_time,
)

WENT_DOWN = (
    "document process failed unexpectedly: ipc messaging received timeout signal , check "
    "[ssm-document-worker]/[ssm-session-worker] log for crash reason"
)
NO_PACKAGE = "collecting\nE: Unable to locate package libfoo\n"


def launched(aws: SimulatedAws) -> Simulation:
    """Return an instance that is requested and not launched."""
    aws.state = None
    return Simulation(build_requested_instance(), aws=aws)


def request_setup(simulation: Simulation, minute: float) -> None:
    """Run the recipe again, or for the first time on an instance that was ready from the start."""
    request = SetupRequest(
        recipe="jupyter", parameters={}, documents=DOCUMENTS[:1], given_parameters={}, skipped_message=None
    )
    simulation.apply_change(apply_setup_request(simulation.instance, request, ADA, get_time(minute)))


def test_document_that_fails_once_is_run_again() -> None:
    simulation = launched(SimulatedAws(failures=[NO_PACKAGE]))
    simulation.run_until(Phase.READY, 0, 8)
    assert [result.succeeded for result in simulation.instance.setup.results] == [False, True, True]


def test_setup_that_fails_three_times_is_stopped_after_a_warning_that_says_why() -> None:
    simulation = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    failed = simulation.run_until(Phase.FAILED, 0, 10)
    warning = simulation.instance.warning
    assert warning is not None
    assert warning.stop_at == get_time(failed + 5)
    for part in ("gpudesk-probe", "step install", "exit code 1", "Unable to locate package libfoo"):
        assert part in simulation.instance.reason.message
        assert part in warning.message
    assert "terminate it" in warning.message
    assert simulation.run_until(Phase.STOPPED, failed + 1, failed + 10) == failed + 6


def test_message_between_attempts_does_not_say_to_run_the_setup_again() -> None:
    simulation = launched(SimulatedAws(failures=["curl: (6) Could not resolve host: example.org\n"] * 3))
    simulation.run_until(Phase.FAILED, 0, 10)
    *failed, ended = (entry.message for entry in simulation.timeline if "Check the routes" in entry.message)
    assert ["setup again" in message for message in failed] == [False, False]
    assert "run its setup again (it skips the steps that are done)" in ended


def test_interruptions_are_counted_apart_from_failed_attempts() -> None:
    failures = [WENT_DOWN, NO_PACKAGE, WENT_DOWN, NO_PACKAGE]
    simulation = launched(SimulatedAws(failures=failures))
    simulation.run_until(Phase.READY, 0, 20)
    assert [result.succeeded for result in simulation.instance.setup.results] == [False] * 4 + [True, True]
    first, second = (entry for entry in simulation.timeline if entry.code is EventCode.DOCUMENT_INTERRUPTED)
    assert first.message == (
        f"The system or its SSM agent went down while gpudesk-probe ran on {simulation.instance.name}. "
        "gpudesk runs it again (interruption 1 of at most 3). Steps that are done are skipped. If this happens again, "
        "look for the cause in a session: `journalctl -b -1` shows what was logged before a reboot."
    )
    assert "interruption 2 of at most 3" in second.message


def test_third_interruption_fails_the_setup_and_tells_that_the_system_went_down() -> None:
    simulation = launched(SimulatedAws(failures=[WENT_DOWN] * 3))
    simulation.run_until(Phase.FAILED, 0, 10)
    message = simulation.instance.reason.message
    assert "The system or its SSM agent went down while gpudesk-probe ran, 3 times" in message
    assert "step install" not in message


def test_interruptions_of_different_documents_count_together() -> None:
    failures = [WENT_DOWN, WENT_DOWN, None, WENT_DOWN]
    simulation = launched(SimulatedAws(failures=failures))  # type: ignore[arg-type]
    simulation.run_until(Phase.FAILED, 0, 15)


def test_new_setup_may_be_interrupted_again() -> None:
    simulation = launched(SimulatedAws(failures=[WENT_DOWN] * 5))
    failed = simulation.run_until(Phase.FAILED, 0, 10)
    request_setup(simulation, failed)
    simulation.run_until(Phase.READY, failed, failed + 10)


def test_start_after_interruptions_allows_as_many_again() -> None:
    simulation = launched(SimulatedAws(failures=[WENT_DOWN] * 5))
    stopped = simulation.run_until(Phase.STOPPED, 0, 20)
    simulation.apply_change(stop_start.request_start(simulation.instance, ADA, get_time(stopped)))
    simulation.run_until(Phase.READY, stopped, stopped + 10)


def test_command_that_the_agent_did_not_take_blames_no_step() -> None:
    simulation = launched(SimulatedAws(failures=["Going."], failure_details="Undeliverable"))
    simulation.run_until(Phase.READY, 0, 8)
    (failed,) = (entry for entry in simulation.timeline if entry.code is EventCode.DOCUMENT_FAILED)
    assert failed.message == (
        "The SSM agent did not take the command for gpudesk-probe (Undeliverable) on "
        f"{simulation.instance.name}. gpudesk runs it again (attempt 2 of 3). "
        "If this happens again, stop and start the instance."
    )


def test_start_after_a_failed_setup_runs_it_again() -> None:
    simulation = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    stopped = simulation.run_until(Phase.STOPPED, 0, 20)
    simulation.apply_change(stop_start.request_start(simulation.instance, ADA, get_time(stopped)))
    simulation.run_until(Phase.READY, stopped, stopped + 6)
    assert [result.succeeded for result in simulation.instance.setup.results] == [False, False, False, True, True]


def test_failed_instance_that_is_kept_is_stopped_after_the_keep() -> None:
    simulation = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    failed = simulation.run_until(Phase.FAILED, 0, 10)
    simulation.apply_change(
        keep.request_keep(simulation.instance, get_time(failed + 60), ADA, Limits(), get_time(failed))
    )
    simulation.run_minutes(failed + 1, failed + 59)
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.FAILED, None)
    assert simulation.run_until(Phase.STOPPED, failed + 60, failed + 70) == failed + 66
    assert simulation.count_entries(EventCode.FAILED_WARNING) == 1, "the keep cancelled the first warning"


def test_keep_that_is_requested_on_a_failed_instance_is_granted() -> None:
    simulation = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    failed = simulation.run_until(Phase.FAILED, 0, 10)

    def report_keep_request(minute: int) -> DecodedHeartbeat:
        return replace(build_heartbeat(minute), keep_request=KeepRequest(id="w1", hours=2))

    simulation.run_minutes(failed + 1, failed + 30, report_keep_request)
    assert simulation.instance.phase is Phase.FAILED
    assert simulation.instance.keep_result is not None
    assert simulation.instance.keep_result.granted


def test_document_that_ssm_never_accepts_fails_the_setup() -> None:
    aws = SimulatedAws(faults={SendDocument: TransientAwsError("ThrottlingException", "Slow down.")})
    simulation = launched(aws)
    failed = simulation.run_until(Phase.FAILED, 0, 70)
    assert "SSM has not accepted" in simulation.instance.reason.message
    assert len({step.attempt_id for step in simulation.steps if isinstance(step, SendDocument)}) == 3
    simulation.run_until(Phase.STOPPED, failed, failed + 10)


def test_idle_window_begins_after_the_setup() -> None:
    simulation = launched(SimulatedAws(failures=[NO_PACKAGE] * 2, document_duration=timedelta(minutes=4)))
    ready_at = simulation.run_until(Phase.READY, 0, 40, build_heartbeat)
    assert ready_at > 10, "longer than the idle window"
    simulation.run_minutes(ready_at + 1, ready_at + 9, build_heartbeat)
    assert (simulation.instance.warning, simulation.count_entries(EventCode.IDLE_WARNING)) == (None, 0)
    simulation.decide(ready_at + 10, build_heartbeat(ready_at + 10))
    assert simulation.count_entries(EventCode.IDLE_WARNING) == 1


def test_setup_of_a_warned_instance_cancels_the_warning_and_is_not_idle() -> None:
    simulation = Simulation(aws=SimulatedAws(document_duration=timedelta(minutes=14)))
    simulation.run_minutes(1, 12, build_heartbeat)
    assert simulation.instance.warning is not None
    request_setup(simulation, 13)
    assert [entry.code for entry in simulation.timeline[-2:]] == [
        EventCode.SETUP_REQUESTED,
        EventCode.WARNING_CANCELLED,
    ]
    simulation.run_minutes(13, 26, build_heartbeat)
    assert simulation.instance.phase is Phase.SETTING_UP
    assert simulation.run_until(Phase.READY, 27, 27, build_heartbeat) == 27
    simulation.run_minutes(28, 36, build_heartbeat)
    assert simulation.instance.warning is None
    simulation.decide(37, build_heartbeat(37))
    assert simulation.instance.warning is not None


def test_setup_that_fails_again_on_a_failed_instance_is_stopped_after_a_warning() -> None:
    simulation = launched(SimulatedAws(failures=[NO_PACKAGE] * 6))
    failed = simulation.run_until(Phase.FAILED, 0, 10)
    request_setup(simulation, failed)
    assert simulation.instance.warning is None
    failed = simulation.run_until(Phase.FAILED, failed, failed + 10)
    assert simulation.instance.warning is not None
    simulation.run_until(Phase.STOPPED, failed, failed + 10)


def test_failed_setup_of_a_ready_instance_leaves_it_ready() -> None:
    simulation = Simulation(aws=SimulatedAws(failures=[NO_PACKAGE] * 3))
    request_setup(simulation, 1)
    simulation.run_until(Phase.SETTING_UP, 1, 1)
    ready_at = simulation.run_until(Phase.READY, 2, 10)
    assert simulation.instance.reason.code is EventCode.SETUP_FAILED
    for part in ("gpudesk-probe failed in step install", "libfoo", "stays ready and can be used as before"):
        assert part in simulation.instance.reason.message
    simulation.run_minutes(ready_at + 1, ready_at + 30, lambda minute: build_heartbeat(minute, active="gpu"))
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)


def test_keep_during_a_setup_is_granted_and_its_reboot_is_expected() -> None:
    simulation = Simulation(build_instance(), aws=SimulatedAws(document_duration=timedelta(minutes=5)))
    request_setup(simulation, 1)
    simulation.decide(1, build_heartbeat(1))
    rebooted = replace(build_heartbeat(2, since=2), boot_id="boot-2", keep_request=KeepRequest(id="w1", hours=1))
    simulation.decide(2, rebooted)
    assert simulation.instance.phase is Phase.SETTING_UP
    assert simulation.instance.lifetime.keep_until == get_time(62)
    assert simulation.count_entries(EventCode.REBOOTED) == 0
