"""The setup: documents run one after another, a failed one again. A failed setup is stopped after a warning."""

from dataclasses import replace
from datetime import timedelta

from chalicelib.domain.common.errors import TransientAwsError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat, KeepRequest
from chalicelib.domain.instances.commands import keep, stop_start
from chalicelib.domain.instances.commands.rerun_setup import apply_setup_request
from chalicelib.domain.instances.commands.setup_request import SetupRequest
from chalicelib.domain.instances.plan import SendDocument
from chalicelib.domain.instances.record import Phase
from tests.property.world import ADA
from tests.unit.instances.simulated_aws import SimulatedAws
from tests.unit.instances.simulation import DOCUMENTS, Simulation, at, heartbeat, ready, requested

NO_PACKAGE = "collecting\nE: Unable to locate package libfoo\n"


def launched(aws: SimulatedAws) -> Simulation:
    """Return an instance that is requested and not launched."""
    aws.state = None
    return Simulation(requested(), aws=aws)


def request_setup(desk: Simulation, minute: float) -> None:
    """Run the recipe again, or for the first time on an instance that was ready from the start."""
    wish = SetupRequest(
        recipe="jupyter", parameters={}, documents=DOCUMENTS[:1], given_parameters={}, skipped_message=None
    )
    desk.apply(apply_setup_request(desk.instance, wish, ADA, at(minute)))


def test_document_that_fails_once_is_run_again() -> None:
    desk = launched(SimulatedAws(failures=[NO_PACKAGE]))
    desk.live_until(Phase.READY, 0, 8)
    assert [result.succeeded for result in desk.instance.setup.results] == [False, True, True]


def test_setup_that_fails_three_times_is_stopped_after_a_warning_that_says_why() -> None:
    desk = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    failed = desk.live_until(Phase.FAILED, 0, 10)
    warning = desk.instance.warning
    assert warning is not None
    assert warning.stop_at == at(failed + 5)
    for part in ("gpudesk-probe", "step install", "exit code 1", "Unable to locate package libfoo"):
        assert part in desk.instance.reason.message
        assert part in warning.message
    assert "terminate it" in warning.message
    assert desk.live_until(Phase.STOPPED, failed + 1, failed + 10) == failed + 6


def test_start_after_a_failed_setup_runs_it_again() -> None:
    desk = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    stopped = desk.live_until(Phase.STOPPED, 0, 20)
    desk.apply(stop_start.request_start(desk.instance, ADA, at(stopped)))
    desk.live_until(Phase.READY, stopped, stopped + 6)
    assert [result.succeeded for result in desk.instance.setup.results] == [False, False, False, True, True]


def test_failed_instance_that_is_kept_is_stopped_after_the_keep() -> None:
    desk = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    failed = desk.live_until(Phase.FAILED, 0, 10)
    desk.apply(keep.request_keep(desk.instance, at(failed + 60), ADA, Limits(), at(failed)))
    desk.live(failed + 1, failed + 59)
    assert (desk.instance.phase, desk.instance.warning) == (Phase.FAILED, None)
    assert desk.live_until(Phase.STOPPED, failed + 60, failed + 70) == failed + 66
    assert desk.count(EventCode.FAILED_WARNING) == 1, "the keep cancelled the first warning, so there is another one"


def test_keep_that_is_requested_on_a_failed_instance_is_granted() -> None:
    desk = launched(SimulatedAws(failures=[NO_PACKAGE] * 3))
    failed = desk.live_until(Phase.FAILED, 0, 10)

    def wish(minute: int) -> DecodedHeartbeat:
        return replace(heartbeat(minute), keep_request=KeepRequest(id="w1", hours=2))

    desk.live(failed + 1, failed + 30, wish)
    assert desk.instance.phase is Phase.FAILED
    assert desk.instance.keep_result is not None
    assert desk.instance.keep_result.granted


def test_document_that_ssm_never_accepts_fails_the_setup() -> None:
    aws = SimulatedAws(faults={SendDocument: TransientAwsError("ThrottlingException", "Slow down.")})
    desk = launched(aws)
    failed = desk.live_until(Phase.FAILED, 0, 70)
    assert "SSM has not accepted" in desk.instance.reason.message
    assert len({step.attempt_id for step in desk.steps if isinstance(step, SendDocument)}) == 3
    desk.live_until(Phase.STOPPED, failed, failed + 10)


def test_idle_window_begins_after_the_setup() -> None:
    desk = launched(SimulatedAws(failures=[NO_PACKAGE] * 2, document_duration=timedelta(minutes=4)))
    ready_at = desk.live_until(Phase.READY, 0, 40, heartbeat)
    assert ready_at > 10, "longer than the idle window"
    desk.live(ready_at + 1, ready_at + 9, heartbeat)
    assert (desk.instance.warning, desk.count(EventCode.IDLE_WARNING)) == (None, 0)
    desk.decide(ready_at + 10, heartbeat(ready_at + 10))
    assert desk.count(EventCode.IDLE_WARNING) == 1


def test_setup_of_a_warned_instance_cancels_the_warning_and_is_not_idle() -> None:
    desk = Simulation(aws=SimulatedAws(document_duration=timedelta(minutes=14)))
    desk.live(1, 12, heartbeat)
    assert desk.instance.warning is not None
    request_setup(desk, 13)
    assert [entry.code for entry in desk.timeline[-2:]] == [EventCode.SETUP_REQUESTED, EventCode.WARNING_CANCELLED]
    desk.live(13, 26, heartbeat)
    assert desk.instance.phase is Phase.SETTING_UP
    assert desk.live_until(Phase.READY, 27, 27, heartbeat) == 27
    desk.live(28, 36, heartbeat)
    assert desk.instance.warning is None
    desk.decide(37, heartbeat(37))
    assert desk.instance.warning is not None


def test_setup_that_fails_again_on_a_failed_instance_is_stopped_after_a_warning() -> None:
    desk = launched(SimulatedAws(failures=[NO_PACKAGE] * 6))
    failed = desk.live_until(Phase.FAILED, 0, 10)
    request_setup(desk, failed)
    assert desk.instance.warning is None
    failed = desk.live_until(Phase.FAILED, failed, failed + 10)
    assert desk.instance.warning is not None
    desk.live_until(Phase.STOPPED, failed, failed + 10)


def test_failed_setup_of_a_ready_instance_leaves_it_ready() -> None:
    desk = Simulation(aws=SimulatedAws(failures=[NO_PACKAGE] * 3))
    request_setup(desk, 1)
    desk.live_until(Phase.SETTING_UP, 1, 1)
    ready_at = desk.live_until(Phase.READY, 2, 10)
    assert desk.instance.reason.code is EventCode.SETUP_FAILED
    for part in ("gpudesk-probe failed in step install", "libfoo", "stays ready and can be used as before"):
        assert part in desk.instance.reason.message
    desk.live(ready_at + 1, ready_at + 30, lambda minute: heartbeat(minute, active="gpu"))
    assert (desk.instance.phase, desk.instance.warning) == (Phase.READY, None)


def test_keep_during_a_setup_is_granted_and_its_reboot_is_expected() -> None:
    desk = Simulation(ready(), aws=SimulatedAws(document_duration=timedelta(minutes=5)))
    request_setup(desk, 1)
    desk.decide(1, heartbeat(1))
    rebooted = replace(heartbeat(2, since=2), boot_id="boot-2", keep_request=KeepRequest(id="w1", hours=1))
    desk.decide(2, rebooted)
    assert desk.instance.phase is Phase.SETTING_UP
    assert desk.instance.lifetime.keep_until == at(62)
    assert desk.count(EventCode.REBOOTED) == 0
