"""A keep: granted within limits, never shortened, and requested on the instance only up to the maximum lifetime."""

from dataclasses import replace

import pytest

from chalicelib.domain.common.errors import Conflict, ValidationFailed
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.idle.heartbeat import KeepRequest
from chalicelib.domain.instances.commands import keep
from chalicelib.domain.instances.record import Phase
from tests.property.world import ADA
from tests.unit.instances.simulation import Simulation, at, heartbeat, ready

MAX_RESULT_LENGTH = 60
"""What a heartbeat response has room for."""


def request(hours: float) -> KeepRequest:
    return KeepRequest(id="1-ada", hours=hours)


def test_keep_of_a_person_may_exceed_the_maximum_lifetime() -> None:
    change = keep.request_keep(ready(max_hours=1), at(120), ADA, Limits(), at(0))
    assert change.instance.lifetime_ends_at == at(120)
    assert [entry.message for entry in change.entries] == ["ada kept n until 2026-01-05 11:00 UTC."]


def test_keep_on_the_instance_ends_with_the_maximum_lifetime() -> None:
    plan = keep.process_keep_request(ready(max_hours=1), request(10), Limits(), at(30))
    assert plan.instance.lifetime.keep_until == plan.instance.lifetime_ends_at == at(60)
    assert [entry.message for entry in plan.timeline] == ["Somebody on the instance kept n until 2026-01-05 10:00 UTC."]


def test_keep_on_the_instance_is_refused_after_the_maximum_lifetime() -> None:
    plan = keep.process_keep_request(ready(max_hours=1), request(1), Limits(), at(60))
    assert plan.instance.lifetime.keep_until is None
    assert [entry.code for entry in plan.timeline] == [EventCode.KEEP_REFUSED]


@pytest.mark.parametrize(("minute", "kept_until"), [(0, None), (30, 90), (72 * 60, None)])
def test_result_of_every_keep_fits_into_a_heartbeat_response(minute: int, kept_until: int | None) -> None:
    instance = ready()
    lifetime = replace(instance.lifetime, keep_until=at(kept_until) if kept_until else None)
    plan = keep.process_keep_request(replace(instance, lifetime=lifetime), request(1), Limits(), at(minute))
    assert plan.instance.keep_result is not None
    assert len(plan.instance.keep_result.message) <= MAX_RESULT_LENGTH


def test_shorter_keep_does_not_replace_a_longer_one() -> None:
    kept = keep.request_keep(ready(), at(120), ADA, Limits(), at(0)).instance
    assert keep.request_keep(kept, at(60), ADA, Limits(), at(0)).instance == kept


@pytest.mark.parametrize("minute", [-1, 0.5, 61])
def test_end_of_a_keep_is_within_the_limit(minute: float) -> None:
    with pytest.raises(ValidationFailed) as refused:
        keep.request_keep(ready(), at(minute), ADA, Limits(keep_hours=1), at(0))
    (error,) = refused.value.errors
    assert error.message == "must be at least 1 minute and at most 1 hour from now (until 2026-01-05T10:00:00Z)"


@pytest.mark.parametrize("phase", [Phase.STOPPING, Phase.STOPPED, Phase.TERMINATING])
def test_keep_is_refused_once_the_stop_has_begun(phase: Phase) -> None:
    with pytest.raises(Conflict):
        keep.request_keep(replace(ready(), phase=phase), at(60), ADA, Limits(), at(0))


def test_kept_instance_is_not_stopped_before_the_end_of_the_keep() -> None:
    desk = Simulation()
    desk.instance = keep.request_keep(desk.instance, at(60), ADA, Limits(), at(0)).instance
    desk.live(1, 59, heartbeat)
    assert (desk.instance.phase, desk.instance.warning) == (Phase.READY, None)
    desk.live(60, 66, heartbeat)
    assert desk.instance.phase is Phase.STOPPING
