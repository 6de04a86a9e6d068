"""What gpudesk adopts, what it refuses with which reason, and what the record gets."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings, Limits
from chalicelib.domain.foreign import adoption
from chalicelib.domain.foreign.adopted_record import apply_adoption, build_adoption_reason
from chalicelib.domain.foreign.adoption import (
    AdoptionList,
    AdoptionState,
    describe_limits,
    find_conflict,
    find_obstacle,
)
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import build_ready_instance
from tests.unit.foreign.examples import EC2_ID, NOW, TAG, build_adoption, build_candidate

ADOPT = {"gpudesk:adopt": "dev"}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"state": Ec2State.TERMINATED}, "is terminated"),
        ({"tags": {}}, "does not have the tag gpudesk:adopt=dev"),
        ({"tags": {"gpudesk:adopt": "prod"}}, "does not have the tag gpudesk:adopt=dev"),
        ({"tags": {**ADOPT, "gpudesk:id": "gd-x"}}, "has the tag gpudesk:id=gd-x already"),
        ({"tags": {**ADOPT, "aws:autoscaling:groupName": "g"}}, "is managed by an Auto Scaling group"),
        ({"operator": "eks.amazonaws.com"}, "is managed by eks.amazonaws.com"),
        ({"market": Market.SPOT}, "is a spot instance"),
        ({"market": None}, "is part of a reservation of its own"),
        ({"has_ebs_root": False}, "is an instance store"),
        ({"is_stop_protected": True}, "has stop protection"),
    ],
    ids=str,
)
def test_adoption_is_refused_with_the_reason(changes: dict[str, Any], text: str) -> None:
    obstacle = find_obstacle(build_adoption(), build_candidate(**changes), TAG)
    assert obstacle is not None
    assert text in obstacle
    assert EC2_ID in obstacle


def test_unknown_instance_is_refused() -> None:
    assert find_obstacle(build_adoption(), None, TAG) == (
        f"EC2 has no instance {EC2_ID} in us-east-1. Check the id and the region."
    )


@pytest.mark.parametrize(
    ("state", "changes", "is_refused"),
    [
        (AdoptionState.REQUESTED, {}, False),
        (AdoptionState.REQUESTED, {"owner": "bob"}, True),
        (AdoptionState.REQUESTED, {"region": "eu-west-1"}, True),
        (AdoptionState.TAGGED, {"owner": "bob"}, True),
        (AdoptionState.REFUSED, {"owner": "bob"}, False),
    ],
    ids=str,
)
def test_second_request_conflicts_only_with_an_open_one_that_differs(
    state: AdoptionState, changes: dict[str, Any], is_refused: bool
) -> None:
    conflict = find_conflict(build_adoption(state=state), build_adoption(**changes), TAG)
    assert (conflict is not None and "for ada" in conflict) is is_refused


@pytest.mark.parametrize("state", [Ec2State.RUNNING, Ec2State.STOPPED])
def test_instance_with_the_tag_is_adopted(state: Ec2State) -> None:
    protected = build_candidate(state=state, is_termination_protected=True, ends_at_shutdown=True)
    assert find_obstacle(build_adoption(), protected, TAG) is None


def test_limits_say_what_does_not_work() -> None:
    candidate = build_candidate(is_termination_protected=True, ends_at_shutdown=True)
    text = describe_limits(candidate, ("eni-1", "vol-1"))
    for part in ("no probe", "no instance profile", "A shutdown from inside", "termination protection", "eni-1, vol-1"):
        assert part in text
    plain = describe_limits(build_candidate(has_profile=True), ())
    assert "no probe" in plain
    for part in ("instance profile", "shutdown", "protection", "adopt tag"):
        assert part not in plain


def test_list_keeps_all_open_requests_and_the_newest_decided_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "MAX_DECIDED", 2)
    kept = AdoptionList()
    for number in range(6):
        state = AdoptionState.REQUESTED if number in (0, 5) else AdoptionState.REFUSED
        at = NOW + timedelta(minutes=number)
        kept = kept.put(build_adoption(instance_id=f"i-{number}", state=state, requested_at=at))
    assert [each.instance_id for each in kept.adoptions] == ["i-5", "i-4", "i-3", "i-0"]
    assert [each.instance_id for each in kept.list_requested()] == ["i-0", "i-5"]


def test_open_requests_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "MAX_REQUESTED", 2)
    one, two, three = (replace(build_adoption(), instance_id=f"i-{number}") for number in (1, 2, 3))
    full = AdoptionList().put(one).put(two)
    with pytest.raises(Conflict, match="Request that of i-3 again") as refused:
        full.put(three)
    assert refused.value.code is ErrorCode.LIMIT_REACHED
    assert full.put(replace(two, owner="bob")).find("i-2") == replace(two, owner="bob")
    assert full.put(replace(one, state=AdoptionState.TAGGED)).put(three).list_requested()


def test_request_replaces_the_earlier_one_of_the_instance() -> None:
    first, second = build_adoption(), build_adoption(owner="bob")
    assert AdoptionList().put(first).put(second).adoptions == (second,)


def test_running_instance_is_kept_for_a_day_and_its_owner_learns_when_it_ends() -> None:
    record = build_ready_instance(max_hours=12)
    adopted = apply_adoption(record, build_adoption(), DeskSettings(), NOW)
    assert (adopted.created_by, adopted.lifetime_ends_at) == ("root", NOW + timedelta(hours=24))
    reason = build_adoption_reason(adopted, build_adoption(message="It has no probe."))
    assert reason.code is EventCode.ADOPTED_ON_REQUEST
    assert "gpudesk stops it at 2026-01-06 09:00 UTC, and warns before." in reason.message
    assert "It has no probe. gpudesk knows no price of g4dn.xlarge" in reason.message


def test_keep_is_not_longer_than_the_desk_allows() -> None:
    desk = DeskSettings(limits=Limits(keep_hours=2))
    adopted = apply_adoption(build_ready_instance(max_hours=1), build_adoption(), desk, NOW)
    assert adopted.lifetime_ends_at == NOW + timedelta(hours=2)


def test_stopped_instance_gets_no_keep() -> None:
    record = build_ready_instance()
    stopped = replace(record, spec=replace(record.spec, desired=DesiredState.STOPPED))
    adopted = apply_adoption(stopped, build_adoption(), DeskSettings(), NOW)
    assert adopted.lifetime.keep_until is None
    assert "It is stopped." in build_adoption_reason(adopted, build_adoption()).message


@pytest.mark.parametrize(
    ("state", "is_granted"),
    [(AdoptionState.REQUESTED, True), (AdoptionState.TAGGED, True), (AdoptionState.REFUSED, False)],
)
def test_refused_adoption_does_not_count_for_an_instance_that_has_the_tags(
    state: AdoptionState, is_granted: bool
) -> None:
    kept = AdoptionList(adoptions=(build_adoption(state=state),))
    assert (kept.find_granted(EC2_ID) is not None, kept.find_granted("i-1")) == (is_granted, None)
