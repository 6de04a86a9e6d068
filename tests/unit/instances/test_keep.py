"""A keep: granted within limits, never shortened, and requested on the instance only up to the maximum lifetime."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.errors import Conflict, ValidationFailed
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.instances.commands import keep
from chalicelib.domain.instances.record import Phase
from tests.support.ready_instance import ADA
from tests.unit.instances.simulation import Simulation, build_heartbeat, build_instance, get_time

MAX_RESULT_LENGTH = 60
"""Maximum length of a result in the heartbeat response."""


def request_keep(hours: float) -> KeepRequest:
    return KeepRequest(id="1-ada", hours=hours)


def test_keep_of_a_person_may_exceed_the_maximum_lifetime() -> None:
    change = keep.request_keep(build_instance(max_hours=1), get_time(120), ADA, Limits(), get_time(0))
    assert change.instance.lifetime_ends_at == get_time(120)
    assert [entry.message for entry in change.entries] == ["ada kept n until 2026-01-05 11:00 UTC."]


def test_keep_on_the_instance_ends_with_the_maximum_lifetime() -> None:
    plan = keep.process_keep_request(build_instance(max_hours=1), request_keep(10), Limits(), get_time(30))
    assert plan.instance.lifetime.keep_until == plan.instance.lifetime_ends_at == get_time(60)
    assert [entry.message for entry in plan.timeline] == ["Somebody on the instance kept n until 2026-01-05 10:00 UTC."]


def test_keep_on_the_instance_is_refused_after_the_maximum_lifetime() -> None:
    plan = keep.process_keep_request(build_instance(max_hours=1), request_keep(1), Limits(), get_time(60))
    assert plan.instance.lifetime.keep_until is None
    assert [entry.code for entry in plan.timeline] == [EventCode.KEEP_REFUSED]


@pytest.mark.parametrize(("minute", "kept_until"), [(0, None), (30, 90), (72 * 60, None)])
def test_result_of_every_keep_fits_into_a_heartbeat_response(minute: int, kept_until: int | None) -> None:
    instance = build_instance()
    lifetime = replace(instance.lifetime, keep_until=get_time(kept_until) if kept_until else None)
    plan = keep.process_keep_request(replace(instance, lifetime=lifetime), request_keep(1), Limits(), get_time(minute))
    assert plan.instance.keep_result is not None
    assert len(plan.instance.keep_result.message) <= MAX_RESULT_LENGTH


def test_shorter_keep_does_not_replace_a_longer_one() -> None:
    kept = keep.request_keep(build_instance(), get_time(120), ADA, Limits(), get_time(0)).instance
    assert keep.request_keep(kept, get_time(60), ADA, Limits(), get_time(0)).instance == kept


@pytest.mark.parametrize("minute", [-1, 0.5, 61])
def test_end_of_a_keep_is_within_the_limit(minute: float) -> None:
    with pytest.raises(ValidationFailed) as refused:
        keep.request_keep(build_instance(), get_time(minute), ADA, Limits(keep_hours=1), get_time(0))
    (error,) = refused.value.errors
    assert error.message == "must be at least 1 minute and at most 1 hour from now (until 2026-01-05T10:00:00Z)"


@pytest.mark.parametrize("phase", [Phase.STOPPING, Phase.STOPPED, Phase.TERMINATING])
def test_keep_is_refused_once_the_stop_has_begun(phase: Phase) -> None:
    with pytest.raises(Conflict):
        keep.request_keep(replace(build_instance(), phase=phase), get_time(60), ADA, Limits(), get_time(0))


def test_kept_instance_is_not_stopped_before_the_end_of_the_keep() -> None:
    simulation = Simulation()
    simulation.instance = keep.request_keep(simulation.instance, get_time(60), ADA, Limits(), get_time(0)).instance
    simulation.run_minutes(1, 59, build_heartbeat)
    assert (simulation.instance.phase, simulation.instance.warning) == (Phase.READY, None)
    simulation.run_minutes(60, 66, build_heartbeat)
    assert simulation.instance.phase is Phase.STOPPING
