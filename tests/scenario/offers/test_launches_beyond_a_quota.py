"""Launches beyond a quota of EC2: refused at the request, or waiting until AWS has increased the quota."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.move_target import MoveRequest
from tests.support.world import ADA, ADMIN, World

REGION, CODE = "us-east-1", "L-DB2E81BA"


@pytest.fixture
def limited(desk: World) -> World:
    """Return a world whose quota of G types has room for one small instance."""
    desk.cloud.quotas.set_limit(REGION, CODE, 4)
    desk.application.offer_refresher.run()
    return desk


def request_without_wait(world: World) -> Conflict:
    with pytest.raises(Conflict) as refused:
        world.launch(name="second")
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    return refused.value


def test_own_launches_and_ends_since_the_reading_count_at_the_request(limited: World) -> None:
    first = limited.launch(name="first")
    quota: Any = request_without_wait(limited).members["quota"]
    assert (quota["limit"], quota["use"], quota["need"]) == (4, 4, 4)
    (shown,) = [each for each in limited.application.offers.list_quotas(REGION) if each.code == CODE]
    assert (shown.use, shown.free) == (4, 0)
    limited.wait_for_phase(first, Phase.BOOTING)
    limited.application.offer_refresher.run()
    limited.application.instances.terminate(ADA, first.id)
    limited.wait_for_phase(first, Phase.TERMINATED)
    limited.launch(name="second")


def test_old_or_missing_quotas_refuse_no_launch(limited: World) -> None:
    limited.wait_for_phase(limited.launch(name="first"), Phase.BOOTING)
    stores = limited.application.reconciler.stores
    reading = stores.offers.get_many([REGION])[REGION]
    assert reading.quotas is not None
    stores.offers.save(replace(reading, quotas=replace(reading.quotas, foreign_use={})))
    failed = limited.wait_for_phase(limited.launch(name="second"), Phase.FAILED)
    assert failed.reason.code == "quota_exceeded"
    assert "g4dn.xlarge needs 4 vCPUs of quota L-DB2E81BA" in failed.reason.message


def test_waiting_launch_costs_nothing_and_starts_when_aws_has_increased_the_quota(limited: World) -> None:
    limited.wait_for_phase(limited.launch(name="first"), Phase.BOOTING)
    launched = limited.request_launch(name="second", wait_for_quota=True)
    assert "waiting_for_quota" in {warning.code for warning in launched.warnings}
    waiting = launched.instance
    limited.pass_minutes(10, sweep_every=5)
    assert limited.load(waiting).reason.code == "waiting_for_quota"
    assert limited.get_snapshot(waiting).cost_so_far == 0
    limited.application.quota_requests.request_increase(ADMIN, CODE, REGION, 8)
    limited.application.quota_request_follower.run()
    (request,) = limited.cloud.quota_requests.list_all()
    limited.cloud.quota_requests.decide(request["Id"], "APPROVED")
    limited.application.quota_request_follower.run()
    limited.wait_for_phase(waiting, Phase.BOOTING)
    assert limited.list_codes(waiting)[:4] == ["requested", "waiting_for_quota", "quota_available", "launching"]
    assert limited.cloud.calls["ec2:RunInstances"] == 2
    assert limited.cloud.enforcement.denials == []


def test_launch_that_ec2_refuses_waits_until_the_quota_is_read_again(desk: World) -> None:
    desk.cloud.quotas.set_limit(REGION, CODE, 0)
    instance = desk.launch(wait_for_quota=True)
    desk.pass_minutes(2)
    assert "EC2 refused it: You have requested more vCPU capacity" in desk.load(instance).reason.message
    desk.cloud.quotas.set_limit(REGION, CODE, 4)
    desk.pass_minutes(5)
    assert desk.cloud.calls["ec2:RunInstances"] == 1
    desk.application.offer_refresher.run()
    desk.wait_for_phase(instance, Phase.BOOTING)
    assert desk.cloud.calls["ec2:RunInstances"] == 2


def test_quota_of_spot_does_not_hold_a_launch_that_can_fall_back(desk: World) -> None:
    desk.cloud.quotas.set_limit(REGION, "L-3819A6DF", 0)
    desk.application.offer_refresher.run()
    with pytest.raises(Conflict, match="L-3819A6DF"):
        desk.launch(market="spot")
    request = desk.launch(market="spot-or-on-demand", wait_for_quota=True)
    launched = desk.wait_for_phase(request, Phase.BOOTING)
    assert launched.spec.market is Market.ON_DEMAND


def start(world: World, instance: Instance) -> Instance:
    return world.application.starts.start(ADA, instance.id, wait_until=None, instance_type=None)


def test_start_or_move_beyond_a_quota_is_refused_with_figures_and_choices(limited: World) -> None:
    stopped = limited.launch_until_stopped(name="first")
    limited.cloud.quotas.set_limit(REGION, CODE, 2)
    failed = limited.wait_until(start(limited, stopped), lambda now: now.reason.code == "start_failed", minutes=4)
    figures = (
        "g4dn.xlarge needs 4 vCPUs of quota L-DB2E81BA",
        "the limit was 4 vCPUs; 0 are in use.",
        "Nobody has requested an increase. Ask an admin to request an increase of L-DB2E81BA",
    )
    assert [words for words in figures if words not in failed.reason.message] == []
    limited.application.offer_refresher.run()
    with pytest.raises(Conflict, match=r"first cannot be started. Quota L-DB2E81BA .* 2 vCPUs, 0 in use") as refused:
        start(limited, stopped)
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
    quota: Any = refused.value.members["quota"]
    assert (quota["limit"], quota["use"], quota["need"]) == (2, 0, 4)
    choices: Any = refused.value.members["choices"]
    increase, cpu_type = [(each["kind"], each["path"], each["body"]) for each in choices]
    assert increase == ("request_increase", f"/quotas/{CODE}/increase", {"region": REGION, "value": 4})
    assert cpu_type == ("cpu_type", "/instances/first/start", {"instance_type": "m7i.xlarge"})
    assert "then start it again" in refused.value.message, "no other instance that stops would help"
    assert limited.load(stopped).phase is Phase.STOPPED
    moves, request = limited.application.moves, MoveRequest(instance_type="g4dn.2xlarge")
    estimate = moves.estimate(ADA, stopped.id, request)
    assert (estimate.duration is not None, "g4dn.2xlarge needs 8" in (estimate.quota_excess or "")) == (True, True)
    with pytest.raises(Conflict, match=r"first cannot be moved. Quota L-DB2E81BA .* 2 vCPUs, 0 in use") as refused:
        moves.request(ADA, stopped.id, request)
    assert refused.value.code is ErrorCode.QUOTA_EXCEEDED
