"""Requests to increase a quota, from the request of an admin to the decision of AWS."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.offers.quota_request import QuotaRequest, QuotaRequestState
from tests.support.world import ADMIN, World

REGION, CODE = "us-east-1", "L-DB2E81BA"
FILE = "service-quotas:RequestServiceQuotaIncrease"
MINUTES = timedelta(minutes=5)


@pytest.fixture
def requested(desk: World) -> World:
    """Return a world whose admin has requested an increase from 4 to 8 vCPUs."""
    desk.cloud.quotas.set_limit(REGION, CODE, 4)
    desk.application.offer_refresher.run()
    desk.application.quota_requests.request_increase(ADMIN, CODE, REGION, 8)
    store = desk.application.reconciler.stores.desk
    settings = store.get_settings()
    store.save_settings(replace(settings, channels=Channels(email="root@example.org", email_generation=1)))
    return desk


def follow(world: World) -> QuotaRequest:
    """Run the follower five minutes later, and return the request."""
    world.clock.advance(MINUTES)
    world.application.quota_request_follower.run()
    found = world.application.reconciler.stores.quota_requests.get_many([REGION])[REGION].find(CODE)
    assert found is not None
    return found


def decide(world: World, status: str) -> None:
    (request,) = world.cloud.quota_requests.list_all()
    world.cloud.quota_requests.decide(request["Id"], status)


def list_notified(world: World) -> list[Any]:
    outbox = world.application.reconciler.stores.notifications
    return [(str(each.code), each.message) for each in outbox.list_for_instance("desk", limit=10).items]


def test_request_is_filed_once_followed_and_its_decision_is_notified(requested: World) -> None:
    assert follow(requested).state is QuotaRequestState.PENDING
    decide(requested, "CASE_OPENED")
    opened = follow(requested)
    assert (opened.state, bool(opened.case_id)) == (QuotaRequestState.CASE_OPENED, True)
    decide(requested, "APPROVED")
    assert follow(requested).state is QuotaRequestState.APPROVED
    assert follow(requested).state_since == requested.now - MINUTES
    assert requested.cloud.calls[FILE] == 1
    assert [code for code, _ in list_notified(requested)] == ["quota_increased", "quota_case_opened"]
    (quota,) = [each for each in requested.application.offers.list_quotas() if each.code == CODE]
    assert (quota.limit, quota.read_at) == (8, requested.now - MINUTES)
    assert requested.cloud.enforcement.denials == []


def test_request_whose_answer_was_lost_is_found_in_the_history(requested: World) -> None:
    requested.cloud.faults.drop_response("RequestServiceQuotaIncrease")
    assert follow(requested).state is QuotaRequestState.RECORDED
    decide(requested, "DENIED")
    assert follow(requested).state is QuotaRequestState.DENIED
    assert requested.cloud.calls[FILE] == 1
    assert "AWS did not increase quota L-DB2E81BA in us-east-1 to 8 vCPUs" in list_notified(requested)[0][1]


def test_request_is_filed_after_the_pause_and_followed_during_one(requested: World) -> None:
    requested.application.desk.update(ADMIN, mode=Mode.PAUSED)
    assert follow(requested).state is QuotaRequestState.RECORDED
    assert requested.cloud.calls[FILE] == 0
    requested.application.desk.update(ADMIN, mode=Mode.DRY_RUN)
    assert follow(requested).state is QuotaRequestState.PENDING
    requested.application.desk.update(ADMIN, mode=Mode.PAUSED)
    decide(requested, "CASE_OPENED")
    assert follow(requested).state is QuotaRequestState.CASE_OPENED


@pytest.mark.parametrize(
    ("error", "state"),
    [
        ("ResourceAlreadyExistsException", QuotaRequestState.RECORDED),
        ("TooManyRequestsException", QuotaRequestState.RECORDED),
        ("DependencyAccessDeniedException", QuotaRequestState.REFUSED),
    ],
)
def test_error_of_the_call_ends_the_request_only_if_it_does_not_pass(
    requested: World, error: str, state: QuotaRequestState
) -> None:
    requested.cloud.faults.inject("RequestServiceQuotaIncrease", error)
    assert follow(requested).state is state
    assert follow(requested).state is (QuotaRequestState.PENDING if state is QuotaRequestState.RECORDED else state)


def test_without_an_open_request_only_one_item_of_each_region_is_read(desk: World) -> None:
    before = desk.cloud.calls.copy()
    assert desk.application.quota_request_follower.run() == []
    assert desk.cloud.count_calls_since(before) == {"dynamodb:BatchGetItem": 1}
