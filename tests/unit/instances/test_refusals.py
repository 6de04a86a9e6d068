"""Refused requests name the state of the instance as people see it, and what to do first."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.images.request import require_imageable
from chalicelib.domain.instances.commands.start_benchmark import request_benchmark
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import ADA, START, build_ready_instance

REASON = EventReason(code=EventCode.LAUNCH_REFUSED, message="AWS rejected it.")


def build_instance(phase: Phase, desired: DesiredState) -> Instance:
    instance = build_ready_instance()
    return replace(instance, phase=phase, reason=REASON, spec=replace(instance.spec, desired=desired))


def request_image(instance: Instance) -> None:
    require_imageable(instance)


def start_benchmark(instance: Instance) -> None:
    request_benchmark(instance, load_catalog(), None, ADA, START)


@pytest.mark.parametrize(
    ("request_work", "advice"), [(request_image, "Request the image"), (start_benchmark, "Start the benchmark")]
)
@pytest.mark.parametrize(
    ("phase", "desired", "message"),
    [
        (Phase.LAUNCHING, DesiredState.RUNNING, "n is being launched."),
        (Phase.SETTING_UP, DesiredState.RUNNING, "n is being set up."),
        (Phase.READY, DesiredState.STOPPED, "n will be stopped. Start it first (POST /instances/n/start)."),
        (Phase.STOPPING, DesiredState.STOPPED, "n is being stopped. Start it first (POST /instances/n/start)."),
        (Phase.STOPPED, DesiredState.STOPPED, "n is stopped. Start it first (POST /instances/n/start)."),
        (Phase.STOPPED, DesiredState.RUNNING, "n will be started."),
        (Phase.FAILED, DesiredState.RUNNING, "n has failed. Run its setup again first (POST /instances/n/setup)."),
    ],
)
def test_refusal_before_ready_names_the_state_and_the_remedy(
    request_work: Callable[[Instance], None], advice: str, phase: Phase, desired: DesiredState, message: str
) -> None:
    with pytest.raises(Conflict) as refusal:
        request_work(build_instance(phase, desired))
    assert (refusal.value.code, refusal.value.message) == (
        ErrorCode.NOT_READY,
        f"{message} {advice} when it is ready.",
    )


@pytest.mark.parametrize("request_work", [request_image, start_benchmark])
@pytest.mark.parametrize(
    ("phase", "state"),
    [
        (Phase.READY, "will be terminated"),
        (Phase.TERMINATING, "is being terminated"),
        (Phase.TERMINATED, "is terminated"),
    ],
)
def test_refusal_at_the_end_suggests_no_start(
    request_work: Callable[[Instance], None], phase: Phase, state: str
) -> None:
    with pytest.raises(Conflict, match=f"^n {state}. It cannot ") as refusal:
        request_work(build_instance(phase, DesiredState.TERMINATED))
    assert refusal.value.code is ErrorCode.INSTANCE_TERMINATED


def test_refusal_after_a_failed_launch_suggests_another_instance() -> None:
    failed = replace(build_instance(Phase.FAILED, DesiredState.RUNNING), ec2_instance=None)
    with pytest.raises(Conflict, match=r"^n has failed\. AWS rejected it\. Launch another instance\.$"):
        request_image(failed)
