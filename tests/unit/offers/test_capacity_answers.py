"""What outcomes of calls and ended launches say about capacity, and that each is counted once."""

from dataclasses import replace

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import (
    AwsError,
    InsufficientCapacity,
    QuotaExceeded,
    RepeatedRefusal,
    TransientAwsError,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.observation import NotVisible, Observation
from chalicelib.domain.instances.outcome import CallAccepted, InstanceLaunched, Outcome
from chalicelib.domain.instances.plan import Launch, Start, Stop
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.start_state import StartState
from chalicelib.domain.offers.capacity_answers import find_answer_in_change, find_answer_to_call
from chalicelib.domain.offers.capacity_record import Result
from chalicelib.domain.offers.region_capacity import (
    MAX_ANSWER_IDS,
    CapacityAnswer,
    CapacityKey,
    RegionCapacity,
    add_answer,
)
from tests.support.ready_instance import EC2_RUNNING, MINUTE, START, build_launch_attempt, build_ready_instance

KEY = CapacityKey("g4dn.xlarge", "us-east-1a", Market.ON_DEMAND)
HINT = "You can currently get g4dn.xlarge capacity by choosing us-east-1b, us-east-1c."
NO_CAPACITY = InsufficientCapacity("InsufficientInstanceCapacity", f"None is left in (us-east-1a). {HINT}")


def build_starting_instance(called_at_minute: int = 0) -> Instance:
    """Return an instance that is being started by a call at this minute."""
    reason = EventReason(code=EventCode.START_REQUESTED, message="ada requested it.")
    claim = Claim(
        action=ClaimAction.START, claimed_at=START, reason=reason, last_called_at=START + called_at_minute * MINUTE
    )
    return replace(build_ready_instance(), claim=claim)


def find_answer(outcome: Outcome, *, number: int = 1) -> CapacityAnswer | None:
    return find_answer_to_call(build_ready_instance(), Launch(build_launch_attempt(number)), outcome, START)


def require_answer(outcome: Outcome, *, number: int = 1) -> CapacityAnswer:
    answer = find_answer(outcome, number=number)
    assert answer is not None
    return answer


def test_refusal_is_an_answer_with_hints_and_an_accepted_launch_is_none_yet() -> None:
    refused = require_answer(NO_CAPACITY)
    assert (refused.region, refused.key, refused.result, refused.at) == ("us-east-1", KEY, Result.REFUSED, START)
    assert refused.hinted_zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    assert find_answer(InstanceLaunched(EC2_RUNNING.to_ec2_instance())) is None


@pytest.mark.parametrize(
    "error",
    [
        QuotaExceeded("VcpuLimitExceeded", "You have requested more vCPU capacity"),
        TransientAwsError("RequestLimitExceeded", "slow down"),
        RepeatedRefusal("InsufficientInstanceCapacity", "None is left."),
    ],
)
def test_error_that_says_nothing_about_capacity_is_no_answer(error: AwsError) -> None:
    assert find_answer(error) is None


def test_text_about_zones_that_offer_the_type_gives_no_hints() -> None:
    error = InsufficientCapacity("Unsupported", "Please retry your request by choosing us-east-1b.")
    assert require_answer(error).hinted_zones == ()


def test_start_is_an_answer_of_its_zone_and_each_call_another_one() -> None:
    first, second = (
        find_answer_to_call(build_starting_instance(minute), Start(), NO_CAPACITY, START) for minute in (0, 10)
    )
    assert first is not None
    assert second is not None
    assert (first.key, first.result) == (KEY, Result.REFUSED)
    assert first.id != second.id
    assert find_answer_to_call(build_starting_instance(), Start(), CallAccepted(), START) is None


def build_start_in(state: Ec2State, refusal_count: int = 0) -> Instance:
    """Return an instance whose start was called, in a state of EC2."""
    machine = replace(EC2_RUNNING, state=state).to_ec2_instance()
    starting = replace(build_starting_instance(), phase=Phase.BOOTING, ec2_instance=machine)
    seen = replace(starting.observed, agent_seen=True)
    return replace(starting, observed=seen, start=StartState(refusal_count=refusal_count))


@pytest.mark.parametrize("state", [Ec2State.STOPPED, Ec2State.PENDING])
def test_start_counts_as_launched_once_ec2_shows_it_running(state: Ec2State) -> None:
    before, running, observation = build_start_in(state), build_start_in(Ec2State.RUNNING), Observation(ec2=EC2_RUNNING)
    found = find_answer_in_change(before, replace(running, claim=None), observation, START)
    assert found is not None
    assert (found.key, found.result) == (KEY, Result.LAUNCHED)
    assert find_answer_in_change(replace(before, claim=None), running, observation, START) == found
    assert find_answer_in_change(running, running, observation, START) is None


def test_accepted_start_that_ec2_ends_without_capacity_is_refused() -> None:
    observed = Observation(ec2=replace(EC2_RUNNING, state=Ec2State.STOPPED))
    before, after = build_start_in(Ec2State.PENDING), build_start_in(Ec2State.STOPPED, refusal_count=1)
    found = find_answer_in_change(before, after, observed, START)
    assert found is not None
    assert found.result is Result.REFUSED
    assert find_answer_in_change(after, after, observed, START) is None


def test_stop_and_a_start_without_a_claim_are_no_answers() -> None:
    assert find_answer_to_call(build_starting_instance(), Stop(), CallAccepted(), START) is None
    assert find_answer_to_call(build_ready_instance(), Start(), CallAccepted(), START) is None


def build_end(code: str) -> tuple[Instance, Instance, Observation]:
    """Return the records before and after EC2 has ended an accepted launch, and what EC2 shows."""
    before = replace(build_ready_instance(), launch=LaunchState(attempt=replace(build_launch_attempt(), sent_at=START)))
    after = replace(before, ec2_instance=None, launch=LaunchState(ended_instance_ids=(EC2_RUNNING.instance_id,)))
    reason = StateReason(code=code, cause=EndCause.ZONE)
    return before, after, Observation(ec2=replace(EC2_RUNNING, state=Ec2State.TERMINATED, state_reason=reason))


def test_launch_that_ends_without_capacity_is_a_refusal_once() -> None:
    before, after, observation = build_end("Server.InsufficientInstanceCapacity")
    answer = find_answer_in_change(before, after, observation, START)
    assert answer is not None
    assert (answer.key, answer.result) == (KEY, Result.REFUSED)
    assert find_answer_in_change(after, after, observation, START) is None


def test_launch_that_ends_with_an_internal_error_says_nothing_about_capacity() -> None:
    assert find_answer_in_change(*build_end("Server.InternalError"), START) is None


def build_first_run(before_state: Ec2State | None) -> tuple[Instance, Instance]:
    """Return the records before and after EC2 shows for the first time that a launched instance runs.

    :param before_state: the state in the record before; None: the answer to the launch was lost
    """
    attempt = replace(build_launch_attempt(), sent_at=START)
    machine = replace(EC2_RUNNING, state=before_state).to_ec2_instance() if before_state else None
    booting = replace(build_ready_instance(), phase=Phase.BOOTING, launch=LaunchState(attempt=attempt))
    return replace(booting, ec2_instance=machine), replace(booting, ec2_instance=EC2_RUNNING.to_ec2_instance())


@pytest.mark.parametrize("before_state", [None, Ec2State.PENDING])
def test_instance_that_runs_for_the_first_time_is_a_launch(before_state: Ec2State | None) -> None:
    before, after = build_first_run(before_state)
    found = find_answer_in_change(before, after, Observation(ec2=EC2_RUNNING), START)
    assert found is not None
    assert (found.key, found.result) == (KEY, Result.LAUNCHED)
    elsewhere = Observation(ec2=replace(EC2_RUNNING, zone="us-east-1b"))
    assert find_answer_in_change(before, after, elsewhere, START) is None
    assert find_answer_in_change(before, after, Observation(ec2=NotVisible()), START) is None
    assert find_answer_in_change(after, after, Observation(ec2=EC2_RUNNING), START) is None


def test_instance_that_runs_after_a_start_is_no_launch() -> None:
    before, after = build_first_run(Ec2State.PENDING)
    launched = find_answer_in_change(before, after, Observation(ec2=EC2_RUNNING), START)
    claim = build_starting_instance().claim
    started = find_answer_in_change(replace(before, claim=claim), after, Observation(ec2=EC2_RUNNING), START)
    assert launched is not None
    assert started is not None
    assert launched.id != started.id


def test_same_answer_counts_once_and_another_attempt_counts_again() -> None:
    once = add_answer(RegionCapacity(), require_answer(NO_CAPACITY))
    assert add_answer(once, require_answer(NO_CAPACITY)) is once
    twice = add_answer(once, require_answer(NO_CAPACITY, number=2))
    assert twice.records[KEY].recent == (Result.REFUSED, Result.REFUSED)


def test_hints_count_for_the_other_zones_only() -> None:
    capacity = add_answer(RegionCapacity(), require_answer(NO_CAPACITY))
    assert {key.zone: record.recent for key, record in capacity.records.items()} == {
        "us-east-1a": (Result.REFUSED,),
        "us-east-1b": (),
        "us-east-1c": (),
    }
    assert capacity.find_record("g4dn.xlarge", "us-east-1b", Market.ON_DEMAND).tallies
    assert not capacity.find_record("g4dn.xlarge", "us-east-1b", Market.SPOT).tallies


def test_ids_of_answers_are_limited() -> None:
    capacity = RegionCapacity()
    for number in range(MAX_ANSWER_IDS + 5):
        capacity = add_answer(capacity, require_answer(NO_CAPACITY, number=number))
    assert len(capacity.answer_ids) == MAX_ANSWER_IDS
    assert capacity.answer_ids[-1] == require_answer(NO_CAPACITY, number=MAX_ANSWER_IDS + 4).id
