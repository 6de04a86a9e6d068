"""Requests to increase quotas: which request of AWS is meant, and what follows from its state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.domain.common.deadlines import QUOTA_REQUEST_MISSING_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.offers.quota_request import (
    AwsQuotaRequest,
    QuotaRequest,
    QuotaRequestState,
    RegionQuotaRequests,
    apply_aws_state,
    close_missing,
    describe_change,
    find_filed,
    refuse,
)
from tests.unit.offers.offer_examples import MINUTE, NOW

State = QuotaRequestState
RECORDED = QuotaRequest(
    region="us-east-1",
    code="L-DB2E81BA",
    value=8,
    limit=0,
    requested_by="root",
    requested_at=NOW,
    state_since=NOW,
)


def build_filed(state: State | None, age: timedelta = -MINUTE, id_: str = "aws-1") -> AwsQuotaRequest:
    """Return a request of AWS.

    :param age: before `RECORDED`; the default is after it
    """
    return AwsQuotaRequest(id=id_, state=state, value=16, created_at=NOW - age, case_id="77")


def test_open_request_of_somebody_else_counts_as_filed() -> None:
    filed = build_filed(State.CASE_OPENED, timedelta(days=3))
    assert find_filed(RECORDED, [build_filed(State.DENIED, timedelta(days=5), "old"), filed]) == filed


def test_request_that_was_filed_before_a_crash_is_found_although_it_is_decided() -> None:
    filed = build_filed(State.APPROVED)
    assert find_filed(RECORDED, [build_filed(State.APPROVED, MINUTE, "earlier"), filed]) == filed


def test_decided_request_from_before_is_not_the_one_that_was_recorded() -> None:
    assert find_filed(RECORDED, [build_filed(State.APPROVED, MINUTE)]) is None


def test_filed_request_is_followed_by_its_id() -> None:
    followed = replace(RECORDED, aws_id="aws-1", state=State.PENDING)
    denied, newer = build_filed(State.DENIED), build_filed(State.PENDING, -2 * MINUTE, "newer")
    assert find_filed(followed, [newer, denied]) == denied


@pytest.mark.parametrize("state", [state for state in State if state not in (State.RECORDED, State.REFUSED)])
def test_each_state_of_aws_is_taken_over_and_admins_learn_of_decisions(state: State) -> None:
    after = apply_aws_state(RECORDED, build_filed(state), NOW + MINUTE)
    assert (after.state, after.state_since, after.aws_id, after.value) == (state, NOW + MINUTE, "aws-1", 16)
    codes = {
        State.PENDING: None,
        State.CASE_OPENED: EventCode.QUOTA_CASE_OPENED,
        State.APPROVED: EventCode.QUOTA_INCREASED,
    }
    reason = describe_change(RECORDED, after)
    assert (reason.code if reason else None) == codes.get(state, EventCode.QUOTA_NOT_INCREASED)
    assert describe_change(after, apply_aws_state(after, build_filed(state), NOW + 2 * MINUTE)) is None


def test_unknown_state_of_aws_changes_nothing() -> None:
    pending = apply_aws_state(RECORDED, build_filed(State.PENDING), NOW)
    assert apply_aws_state(pending, build_filed(None), NOW + MINUTE) == pending


def test_refused_call_closes_the_request_with_its_reason() -> None:
    refused = refuse(RECORDED, "You may not (AccessDenied).", NOW)
    reason = describe_change(RECORDED, refused)
    assert reason is not None
    assert not refused.is_open
    assert "You may not (AccessDenied). To request it again, send POST /quotas/L-DB2E81BA/increase." in reason.message


def test_request_that_aws_forgets_is_closed_after_a_day() -> None:
    pending = apply_aws_state(RECORDED, build_filed(State.PENDING), NOW)
    almost = NOW + QUOTA_REQUEST_MISSING_AFTER - MINUTE
    assert close_missing(pending, almost) == pending
    assert close_missing(pending, almost + MINUTE).state is State.CASE_CLOSED


def test_new_request_replaces_the_last_one_of_its_quota_only() -> None:
    other = replace(RECORDED, code="L-417A185B")
    stored = RegionQuotaRequests((other, replace(RECORDED, state=State.DENIED)), version=4)
    assert stored.put(RECORDED) == RegionQuotaRequests((other, RECORDED), version=4)
    assert stored.open_requests == (other,)
