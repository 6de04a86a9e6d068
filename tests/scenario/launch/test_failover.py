"""Scenario tests of launches that try one offer after the other: what a person sees, and what EC2 is asked."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from chalicelib.api.instances.launch_views import LaunchView, to_launch_view
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.common.write_warnings import WarningCode
from chalicelib.domain.instances.outcome import Outcome
from chalicelib.domain.instances.plan import Launch, Step
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.channels import add_webhook
from tests.support.world import ADMIN, World, open_world

TYPE, CODE = "g4dn.xlarge", "L-DB2E81BA"


@pytest.fixture
def offers() -> Iterator[World]:
    """gpudesk in two regions with the same prices, whose offers are read."""
    with open_world(regions=("us-east-1", "us-west-2")) as desk:
        desk.application.offer_refresher.run()
        yield desk


def fill(desk: World, *regions: str) -> None:
    """Leave no capacity for a T4 in these regions."""
    for region in regions:
        for letter in "abcdef":
            desk.cloud.capacity.set(TYPE, f"{region}{letter}", 0)


def count_tokens(desk: World) -> set[str]:
    """Return a set that gets the ClientToken of each call of RunInstances."""
    tokens: set[str] = set()

    def note_token(step: Step, outcome: Outcome) -> None:
        if isinstance(step, Launch):
            tokens.add(step.attempt.token)

    desk.crash_after_calls(note_token)
    return tokens


def show(desk: World, instance: Instance) -> LaunchView:
    """Return what the API shows of a launch."""
    view = to_launch_view(desk.load(instance))
    assert view is not None
    return view


def test_launch_without_capacity_in_its_region_comes_from_another_one_and_is_set_up_there(offers: World) -> None:
    box = add_webhook(offers)
    fill(offers, "us-east-1")
    tokens = count_tokens(offers)
    instance = offers.wait_for_phase(offers.launch(recipe="bare"), Phase.READY, minutes=12)
    assert instance.spec.region == "us-west-2"
    view = show(offers, instance)
    assert [each["result"] for each in view["tries"]] == ["no_capacity"] * 5 + ["launched"]
    assert {each["region"] for each in view["tries"][:-1]} == {"us-east-1"}
    assert len(tokens) == len(view["tries"])
    assert (view["next"], view["waits_for"]) == (None, None)
    message = next(each for each in offers.list_timeline(instance) if each.code == "launched_as_other_offer").message
    assert "and not as g4dn.xlarge in us-east-1 for $0.526 per hour" in message
    assert "g4dn.xlarge in us-east-1a, $0.526 per hour: no capacity" in message
    assert box.list_types()[0] == "launched_as_other_offer"
    assert offers.list_ec2_ids() == [], "it is not in us-east-1"


def test_launch_that_waits_stays_in_its_region_and_gets_the_capacity_that_comes(desk: World) -> None:
    box = add_webhook(desk)
    fill(desk, "us-east-1")
    until = desk.clock.now() + timedelta(hours=2)
    requested = desk.launch(region="us-east-1", wait_until=until)
    waiting = desk.wait_until(requested, lambda now: now.reason.code == "no_capacity_yet", minutes=6)
    view = show(desk, waiting)
    assert {each["region"] for each in view["tries"]} == {"us-east-1"}
    assert view["waits_for"] == (
        f"capacity for 1 x T4 in us-east-1 for at most $0.6575 per hour, until {until:%Y-%m-%d %H:%M} UTC"
    )
    assert view["next_try_at"] is not None
    desk.cloud.capacity.set(TYPE, "us-east-1c", 1)
    desk.wait_for_phase(requested, Phase.BOOTING, minutes=20, sweep_every=5)
    assert "launched_after_wait" in box.list_types()


def test_launch_beyond_the_quota_of_its_region_comes_from_another_one(offers: World) -> None:
    offers.cloud.quotas.set_limit("us-east-1", "L-DB2E81BA", 0)
    offers.cloud.quotas.set_limit("us-west-2", "L-DB2E81BA", 4)
    offers.clock.advance(timedelta(hours=1))
    offers.application.offer_refresher.run()
    with pytest.raises(Conflict, match="Quota L-DB2E81BA"):
        offers.launch(recipe="bare", region="us-east-1")
    accepted = offers.request_launch(recipe="bare")
    assert [warning.message for warning in accepted.warnings if warning.code is WarningCode.OTHER_OFFER] == [
        "Quota L-DB2E81BA (Running On-Demand G and VT instances) in us-east-1: 0 vCPUs, 0 in use; g4dn.xlarge needs 4. "
        "gpudesk launches another offer instead, such as a g4dn.xlarge in us-west-2."
    ]
    instance = offers.wait_for_phase(accepted.instance, Phase.BOOTING)
    assert instance.spec.region == "us-west-2"
    with pytest.raises(Conflict, match="Quota L-DB2E81BA"):
        offers.request_launch(name="second", recipe="bare")


def test_launch_that_waits_goes_on_when_the_quota_of_its_first_offer_is_increased(offers: World) -> None:
    for region in ("us-east-1", "us-west-2"):
        offers.cloud.quotas.set_limit(region, CODE, 0)
    requested = offers.launch(recipe="bare", wait_for_quota=True)
    refused = offers.wait_until(requested, lambda now: now.reason.code == "waiting_for_quota", minutes=2)
    assert refused.spec.region == "us-west-2", "that of the last try"
    assert show(offers, refused)["waits_for"] == f"a larger quota for {TYPE} in us-east-1, or for another of its offers"
    offers.clock.advance(timedelta(minutes=1))
    offers.application.offer_refresher.run()
    offers.application.quota_requests.request_increase(ADMIN, CODE, "us-east-1", 4)
    offers.pass_minutes(1)
    message = offers.load(requested).reason.message
    assert "in us-east-1: 0 vCPUs, 0 in use; g4dn.xlarge needs 4. root requested an increase to 4 vCPUs" in message
    offers.application.quota_request_follower.run()
    (request,) = offers.cloud.quota_requests.list_all()
    offers.cloud.quota_requests.decide(request["Id"], "APPROVED")
    offers.application.quota_request_follower.run()
    launched = offers.wait_for_phase(requested, Phase.BOOTING, minutes=2)
    assert launched.spec.region == "us-east-1"
    assert offers.cloud.calls["ec2:RunInstances"] == 3
    assert offers.cloud.enforcement.denials == []


def test_sweep_reads_quotas_once_for_launches_that_wait_in_several_regions(offers: World) -> None:
    for region in ("us-east-1", "us-west-2"):
        offers.cloud.quotas.set_limit(region, CODE, 0)
    offers.application.offer_refresher.run()
    waiting = [offers.launch(region=region, wait_for_quota=True) for region in ("us-east-1", "us-west-2")]
    offers.application.sweep.run()
    before = offers.cloud.calls.copy()
    offers.application.sweep.run()
    assert [offers.load(each).reason.code for each in waiting] == ["waiting_for_quota"] * 2
    assert offers.cloud.count_calls_since(before)["dynamodb:BatchGetItem"] == 1
