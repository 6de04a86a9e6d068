"""What follows from an error of AWS if a launch may try other offers, and if it may not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from string import ascii_lowercase

import pytest

from chalicelib.api.instances.launch_views import to_launch_view
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import (
    AwsError,
    InsufficientCapacity,
    PermanentAwsError,
    PrerequisiteMissing,
    QuotaExceeded,
    RegionNotEnabled,
    RegionPending,
    RepeatedRefusal,
    TransientAwsError,
)
from chalicelib.domain.common.deadlines import QUOTA_WAIT_DEADLINE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.commands.stop_start import request_termination
from chalicelib.domain.instances.launch_attempt import LaunchAttempt, LaunchState
from chalicelib.domain.instances.launch_tries import MAX_TRIES, LaunchOffer, LaunchTry, OffersAboveMaximum, TryResult
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifecycle.launch_pass import add_try, end_pass, record_success
from chalicelib.domain.instances.lifecycle.record_outcome import record_outcome
from chalicelib.domain.instances.observation import NotVisible, Observation, Unavailable
from chalicelib.domain.instances.outcome import NoOfferLeft
from chalicelib.domain.instances.plan import Launch, Plan, ResolveLaunch
from chalicelib.domain.instances.record import Instance, Phase
from tests.support.ready_instance import ADA, build_launch_attempt
from tests.unit.instances.simulation import build_context, build_requested_instance, get_time
from tests.unit.launch.failover_examples import build_launch

NOTHING_LEFT = InsufficientCapacity("NoOfferLeft", "Nothing is left")
QUOTA = QuotaExceeded("VcpuLimitExceeded", "You have requested more vCPU capacity.")
PENDING = RegionPending("PendingVerification", "Your account is being validated.")
NOT_ENABLED = RegionNotEnabled("OptInRequired", "You are not subscribed to this service.")
SPOT_OFFER = LaunchOffer(instance_type="g4dn.xlarge", region="us-east-1", zone="us-east-1a", market=Market.SPOT)
REFUSED = InsufficientCapacity("InsufficientInstanceCapacity", "None is left.")


def build_attempting(**choice: object) -> Instance:
    """Return a launch whose first attempt is sent. It may try other offers, unless the choice says otherwise."""
    launch = LaunchState(attempt=replace(build_launch_attempt(), sent_at=get_time(0)), started_at=get_time(0))
    spec = build_launch(**choice).spec
    return replace(build_requested_instance(), spec=spec, phase=Phase.LAUNCHING, launch=launch)


def record_on(instance: Instance, attempt: LaunchAttempt, error: AwsError) -> Plan:
    return record_outcome(instance, Launch(attempt), error, get_time(1))


@pytest.mark.parametrize(
    ("error", "results"),
    [
        (PermanentAwsError("UnauthorizedOperation", "You are not authorized."), [TryResult.REFUSED]),
        (QUOTA, [TryResult.QUOTA_EXCEEDED]),
        (NOT_ENABLED, [TryResult.REGION_UNAVAILABLE]),
        (PrerequisiteMissing("gpudesk has no subnet"), []),
    ],
)
def test_refusal_that_fails_the_launch_is_in_the_table(error: AwsError, results: Sequence[TryResult]) -> None:
    fixed = build_attempting(gpus=(), gpu_count=None, is_region_fixed=True)
    plan = record_on(fixed, build_launch_attempt(), error)
    assert plan.instance.phase is Phase.FAILED
    assert list_results(plan) == results
    assert (f"Tried {len(results)} offer" in plan.reason.message) is bool(results)


def record(instance: Instance, *errors: AwsError) -> Plan:
    """Record the error of an attempt, and then those of the choice of the next offer."""
    first, *others = errors
    plan = record_on(instance, build_launch_attempt(), first)
    for error in others:
        plan = record_outcome(plan.instance, ResolveLaunch(), error, get_time(1))
    return plan


def list_results(plan: Plan) -> Sequence[TryResult]:
    return [each.result for each in plan.instance.launch.tries]


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (REFUSED, TryResult.NO_CAPACITY),
        (RepeatedRefusal(REFUSED.code, REFUSED.message), TryResult.SKIPPED),
        (QUOTA, TryResult.QUOTA_EXCEEDED),
        (PENDING, TryResult.REGION_UNAVAILABLE),
        (NOT_ENABLED, TryResult.REGION_UNAVAILABLE),
    ],
)
def test_definite_refusal_goes_on_with_the_next_offer_at_once(error: AwsError, result: TryResult) -> None:
    plan = record(build_attempting(), error)
    assert (plan.instance.launch.attempt, plan.requeue, list_results(plan)) == (None, True, [result])
    left_out = ("us-east-1",) if result is TryResult.REGION_UNAVAILABLE else ()
    assert plan.instance.launch.left_out_regions == left_out


@pytest.mark.parametrize("error", [TransientAwsError("RequestLimitExceeded", "Slow down."), PENDING])
def test_attempt_is_repeated_after_throttling_and_in_a_fixed_region_that_is_pending(error: AwsError) -> None:
    before = build_attempting(is_region_fixed=True)
    plan = record(before, error)
    assert (plan.instance.launch.attempt, list_results(plan)) == (before.launch.attempt, [])
    assert plan.instance.launch.retry_at == get_time(1) + timedelta(seconds=20)


@pytest.mark.parametrize(
    ("choice", "errors", "code"),
    [
        ({"gpus": (), "is_region_fixed": True}, [QUOTA], EventCode.QUOTA_EXCEEDED),
        ({}, [QUOTA, NOTHING_LEFT], EventCode.QUOTA_EXCEEDED),
        ({}, [NOT_ENABLED, NOTHING_LEFT], EventCode.LAUNCH_REFUSED),
        ({}, [PermanentAwsError("InvalidParameterValue", "Invalid value.")], EventCode.LAUNCH_REFUSED),
    ],
)
def test_launch_fails_if_nothing_that_is_left_can_pass(
    choice: dict[str, object], errors: Sequence[AwsError], code: EventCode
) -> None:
    plan = record(build_attempting(**choice), *errors)
    assert (plan.instance.phase, plan.reason.code) == (Phase.FAILED, code)
    assert errors[0].message.rstrip(".") in plan.reason.message


def test_account_that_is_still_validated_is_asked_again_after_the_pause() -> None:
    plan = record(build_attempting(), PENDING, NOTHING_LEFT)
    launch = plan.instance.launch
    assert (plan.reason.code, launch.left_out_regions, launch.pass_number) == (EventCode.NO_CAPACITY_YET, (), 2)


ELSEWHERE = replace(build_launch_attempt(2), region="us-west-2", zone="us-west-2a", sent_at=get_time(1))


@pytest.mark.parametrize(
    ("first", "second", "code", "left_out"),
    [
        (PENDING, QUOTA, EventCode.WAITING_FOR_QUOTA, ()),
        (PENDING, REFUSED, EventCode.NO_CAPACITY_YET, ()),
        (NOT_ENABLED, QUOTA, EventCode.WAITING_FOR_QUOTA, ("us-east-1",)),
        (NOT_ENABLED, REFUSED, EventCode.NO_CAPACITY_YET, ("us-east-1",)),
    ],
)
def test_region_in_which_the_account_is_validated_is_left_out_in_one_pass_only(
    first: AwsError, second: AwsError, code: EventCode, left_out: tuple[str, ...]
) -> None:
    attempting = build_attempting()
    can_wait = replace(attempting, spec=replace(attempting.spec, wait_for_quota=True))
    tried = record(can_wait, first).instance
    assert tried.launch.left_out_regions == ("us-east-1",)
    elsewhere = record_on(replace(tried, launch=replace(tried.launch, attempt=ELSEWHERE)), ELSEWHERE, second)
    plan = record_outcome(elsewhere.instance, ResolveLaunch(), NOTHING_LEFT, get_time(1))
    assert (plan.reason.code, plan.instance.launch.left_out_regions) == (code, left_out)


def test_lost_time_does_not_end_a_launch_before_its_first_pass() -> None:
    tried = record(build_attempting(), QUOTA).instance
    late = decide(tried, Observation(ec2=NotVisible()), get_time(62), build_context())
    assert isinstance(late.step, ResolveLaunch)
    failed = record_outcome(late.instance, ResolveLaunch(), NOTHING_LEFT, get_time(62))
    assert failed.reason.code is EventCode.QUOTA_EXCEEDED


def test_launch_that_falls_back_to_on_demand_says_so_and_names_no_price_of_spot() -> None:
    before = build_attempting(markets=(Market.SPOT, Market.ON_DEMAND))
    refused = add_try(before, LaunchTry(offer=SPOT_OFFER, result=TryResult.NO_CAPACITY, at=get_time(0)))
    _, (entry,) = record_success(refused, get_time(1))
    assert entry.code == EventCode.LAUNCHED_AS_OTHER_OFFER
    assert "n is launched on-demand as g4dn.xlarge in us-east-1a" in entry.message
    assert (
        "and not as g4dn.xlarge (spot) in us-east-1. gpudesk tried 1 offer on spot before, without success."
        in entry.message
    )


def test_launch_that_waits_for_a_quota_tries_other_offers_first_and_all_of_them_after_the_wait() -> None:
    attempting = build_attempting()
    waiting = replace(attempting, spec=replace(attempting.spec, wait_for_quota=True))
    assert list_results(record(waiting, QUOTA)) == [TryResult.QUOTA_EXCEEDED]
    plan = record(waiting, QUOTA, NOTHING_LEFT)
    assert (plan.instance.phase, plan.reason.code) == (Phase.REQUESTED, EventCode.WAITING_FOR_QUOTA)
    assert plan.instance.launch.tries_of_pass == ()


def test_quota_beside_a_lack_of_capacity_does_not_end_the_launch() -> None:
    refused = build_attempting()
    tried = LaunchTry(offer=build_launch_attempt(zone="us-east-1b").offer, result=TryResult.NO_CAPACITY, at=get_time(0))
    waiting = replace(refused, launch=replace(refused.launch, tries=(tried,)))
    assert record(waiting, QUOTA, NOTHING_LEFT).reason.code is EventCode.NO_CAPACITY_YET


def build_refused_for_quota_beside_capacity(**choice: object) -> Instance:
    """Return a launch whose spot offer has no capacity and whose on-demand offer exceeds its quota, after its pass."""
    attempting = build_attempting(markets=(Market.SPOT, Market.ON_DEMAND), **choice)
    can_wait = replace(attempting, spec=replace(attempting.spec, wait_for_quota=True))
    tried = add_try(can_wait, LaunchTry(offer=SPOT_OFFER, result=TryResult.NO_CAPACITY, at=get_time(0)))
    paused = record(tried, QUOTA, NOTHING_LEFT)
    assert paused.reason.code is EventCode.NO_CAPACITY_YET
    return replace(paused.instance, launch=replace(paused.instance.launch, retry_at=None))


def test_launch_that_may_wait_for_a_quota_waits_for_it_when_the_time_for_capacity_is_over() -> None:
    paused = build_refused_for_quota_beside_capacity()
    next_pass = add_try(paused, LaunchTry(offer=SPOT_OFFER, result=TryResult.NO_CAPACITY, at=get_time(15)))
    for launch in (paused, next_pass):
        plan = decide_at(launch, 16)
        assert (plan.instance.phase, plan.reason.code) == (Phase.REQUESTED, EventCode.WAITING_FOR_QUOTA)
        assert QUOTA.description in plan.reason.message
        assert "quota L-DB2E81BA (Running On-Demand G and VT instances) in us-east-1." in plan.reason.message
        assert "AWS had no capacity for others of its offers." in plan.reason.message
        assert plan.instance.launch.tries_of_pass == ()


def build_after_full_pass(next_offer: LaunchOffer | None) -> Instance:
    """Return a launch that EC2 has refused for 20 quotas, after as many tries as a pass may have."""
    instance = replace(build_attempting(), launch=LaunchState(started_at=get_time(0), next_offer=next_offer))
    for number in range(MAX_TRIES):
        offer = LaunchOffer(instance_type="g4dn.xlarge", region=f"r-{number}", zone=f"r-{number}a")
        refused = LaunchTry(offer=offer, result=TryResult.QUOTA_EXCEEDED, at=get_time(0), code=QUOTA.code)
        instance = add_try(instance, refused)
    return instance


def test_full_pass_of_refusals_for_quotas_is_no_lack_of_capacity() -> None:
    full = build_after_full_pass(None)
    assert decide_at(full, 1).reason.code is EventCode.QUOTA_EXCEEDED
    untried = build_after_full_pass(SPOT_OFFER)
    same_quota = build_after_full_pass(replace(full.launch.tries[-1].offer, zone="r-19b"))
    for launch, code in (
        (full, EventCode.WAITING_FOR_QUOTA),
        (same_quota, EventCode.WAITING_FOR_QUOTA),
        (untried, EventCode.NO_CAPACITY_YET),
    ):
        can_wait = replace(launch, spec=replace(launch.spec, wait_for_quota=True))
        assert decide_at(can_wait, 1).reason.code is code


def test_launch_does_not_wait_for_a_quota_beyond_its_wait_until() -> None:
    paused = build_refused_for_quota_beside_capacity(wait_until=get_time(30))
    assert decide_at(paused, 31).reason.code is EventCode.NO_CAPACITY


def decide_at(instance: Instance, minute: float, observation: Observation | None = None) -> Plan:
    return decide(instance, observation or Observation(ec2=NotVisible()), get_time(minute), build_context())


def build_waiting(wait_minutes: float | None) -> Instance:
    """Return a launch that has tried one offer and pauses."""
    until = None if wait_minutes is None else get_time(wait_minutes)
    paused = record(build_attempting(wait_until=until), REFUSED, NOTHING_LEFT).instance
    return replace(paused, launch=replace(paused.launch, retry_at=None))


@pytest.mark.parametrize(("wait_minutes", "failed_at"), [(None, 16), (5, 6), (60 * 24, 60 * 24 + 1)])
def test_launch_waits_until_its_deadline_and_then_shows_what_it_tried(
    wait_minutes: float | None, failed_at: int
) -> None:
    waiting = build_waiting(wait_minutes)
    assert decide_at(waiting, failed_at - 1).instance.phase is Phase.LAUNCHING
    failed = decide_at(waiting, failed_at)
    assert failed.reason.code is EventCode.NO_CAPACITY
    assert "Tried 1 offer: g4dn.xlarge in us-east-1a: no capacity." in failed.reason.message


def test_pause_says_what_the_launch_waits_for_and_the_next_pass_replaces_the_rows_of_its_offers() -> None:
    paused = record(build_attempting(wait_until=get_time(600)), REFUSED, NOTHING_LEFT)
    expected = (
        "waits for capacity for 1 x T4 in a region in which gpudesk is set up for at most $0.6575 per hour, until "
        "2026-01-05 19:00 UTC"
    )
    assert expected in paused.reason.message
    assert len(paused.instance.launch.tries) == 1
    again = replace(paused.instance, launch=replace(paused.instance.launch, attempt=build_launch_attempt()))
    (latest,) = record(again, REFUSED).instance.launch.tries
    assert latest.pass_number == 2
    elsewhere = build_launch_attempt(zone="us-east-1b")
    other = replace(again, launch=replace(again.launch, attempt=elsewhere))
    tried = record_on(other, elsewhere, REFUSED).instance.launch
    assert [each.offer.zone for each in tried.tries] == ["us-east-1a", "us-east-1b"]
    assert [each.offer.zone for each in tried.tries_of_pass] == ["us-east-1b"]


DEARER = replace(SPOT_OFFER, zone="us-east-1b", price=Decimal("0.2735"))


@pytest.mark.parametrize(
    ("choice", "zones", "expected"),
    [
        ({"gpus": (), "gpu_count": None, "is_region_fixed": True}, "ab", "tries us-east-1a and us-east-1b again at"),
        ({"gpus": (), "gpu_count": None, "is_region_fixed": True}, "", "gpudesk tries again at 09:03 UTC."),
        ({}, "ab", "gpudesk tries all offers again at"),
        ({}, ascii_lowercase[:20], "has tried 20 offers and goes on at 09:03 UTC, first with those that it has not"),
    ],
)
def test_pause_names_what_is_tried_next(choice: dict[str, object], zones: str, expected: str) -> None:
    instance = build_attempting(**choice)
    for zone in zones:
        offer = build_launch_attempt(zone=f"us-east-1{zone}").offer
        instance = add_try(instance, LaunchTry(offer=offer, result=TryResult.NO_CAPACITY, at=get_time(0)))
    paused = end_pass(instance, get_time(1))
    assert expected in paused.reason.message
    assert ("us-east-1a" in end_pass(paused.instance, get_time(1)).reason.message) is ("us-east-1a" in expected)


def test_offers_above_the_maximum_price_are_named_and_a_higher_maximum_is_a_remedy() -> None:
    nothing_left = NoOfferLeft("n", OffersAboveMaximum(2, DEARER))
    paused = record(build_attempting(), REFUSED, nothing_left)
    assert "2 more offers are not tried, because they cost more. The cheapest one is" in paused.reason.message
    assert "g4dn.xlarge (spot) in us-east-1b, $0.2735 per hour." in paused.reason.message
    failed = decide_at(replace(paused.instance, launch=replace(paused.instance.launch, retry_at=None)), 16)
    assert "with a `max_price` of at least $0.2735, for g4dn.xlarge (spot) in us-east-1b." in failed.reason.message


def test_launch_whose_offers_all_cost_too_much_does_not_blame_the_capacity_of_aws() -> None:
    unasked = build_attempting(max_price=Decimal("0.1"))
    unasked = replace(unasked, launch=replace(unasked.launch, attempt=None))
    paused = record_outcome(unasked, ResolveLaunch(()), NoOfferLeft("n", OffersAboveMaximum(2, DEARER)), get_time(1))
    assert paused.reason.message.startswith("No offer is left to try for n now. gpudesk looks again at 09:03 UTC.")
    assert "It waits for an offer for 1 x T4 in " in paused.reason.message
    failed = decide_at(replace(paused.instance, launch=replace(paused.instance.launch, retry_at=None)), 20)
    assert "gpudesk found no offer for 1 x T4 in " in failed.reason.message
    assert "capacity" not in paused.reason.message + failed.reason.message


def test_launch_whose_wait_ends_in_a_pause_of_gpudesk_says_so() -> None:
    waiting = build_waiting(20)
    context = build_context()
    paused = replace(context, desk=DeskSettings(mode=Mode.PAUSED))
    during = decide(waiting, Observation(ec2=NotVisible()), get_time(10), paused).instance
    assert during.reason.code is EventCode.DESK_PAUSED
    assert decide(during, Observation(ec2=NotVisible()), get_time(11), paused).instance == during
    view = to_launch_view(replace(during, launch=replace(during.launch, retry_at=get_time(11))))
    assert view is not None
    assert view["next_try_at"] is None
    resumed = replace(context, desk=DeskSettings(resumed_at=get_time(30)))
    message = decide(during, Observation(ec2=NotVisible()), get_time(31), resumed).reason.message
    assert "It waited for 20 min, until 2026-01-05 09:20 UTC as requested." in message
    assert "gpudesk was paused until 2026-01-05 09:30 UTC, and tried nothing in the pause." in message
    assert "Launch it again, with a `wait_until` that is up to 7 days ahead." in message


def test_region_that_rejects_even_its_observation_is_left_as_long_as_nothing_was_sent() -> None:
    rejected = Observation(ec2=Unavailable("OptInRequired: not subscribed", is_rejected=True))
    sent = build_attempting()
    unsent = replace(sent, launch=replace(sent.launch, attempt=build_launch_attempt()))
    assert list_results(decide_at(unsent, 1, rejected)) == [TryResult.REGION_UNAVAILABLE]
    assert decide_at(sent, 1, rejected).instance == sent, "an instance may exist there"
    named = build_attempting(is_region_fixed=True)
    fixed = replace(named, launch=replace(named.launch, attempt=build_launch_attempt()))
    assert decide_at(fixed, 1, rejected).instance == fixed


NO_ANSWER = Observation(ec2=Unavailable("EndpointConnectionError: not reached"))


def test_launch_without_an_attempt_goes_on_although_its_last_region_does_not_answer() -> None:
    waiting = build_waiting(None)
    assert isinstance(decide_at(waiting, 4, NO_ANSWER).step, ResolveLaunch)
    assert decide_at(waiting, 16, NO_ANSWER).reason.code is EventCode.NO_CAPACITY
    sent = build_attempting()
    assert decide_at(sent, 16, NO_ANSWER).instance == sent, "an instance may exist there"


def test_launch_without_an_attempt_can_be_cancelled_although_its_region_does_not_answer() -> None:
    for launch in (build_waiting(None), build_requested_instance()):
        cancelled = request_termination(launch, ADA, get_time(5)).instance
        plan = decide_at(cancelled, 5, NO_ANSWER)
        assert (plan.instance.phase, plan.reason.code) == (Phase.TERMINATED, EventCode.CANCELLED)


def test_launch_that_waits_for_a_quota_stops_waiting_although_its_region_does_not_answer() -> None:
    attempting = build_attempting()
    can_wait = replace(attempting, spec=replace(attempting.spec, wait_for_quota=True))
    waiting = record(can_wait, QUOTA, NOTHING_LEFT).instance
    late = QUOTA_WAIT_DEADLINE // timedelta(minutes=1) + 2
    assert decide_at(waiting, late, NO_ANSWER).reason.code is EventCode.QUOTA_EXCEEDED


def test_launch_that_has_left_a_region_is_not_observed_there_any_more() -> None:
    rejected = Observation(ec2=Unavailable("OptInRequired: not subscribed", is_rejected=True))
    sent = build_attempting()
    unsent = replace(sent, launch=replace(sent.launch, attempt=build_launch_attempt()))
    left = decide_at(unsent, 1, rejected).instance
    assert isinstance(decide_at(left, 2, rejected).step, ResolveLaunch)


def test_record_without_a_choice_keeps_its_offer() -> None:
    old = replace(build_attempting(), spec=replace(build_attempting().spec, launch_choice=None))
    assert record(old, QUOTA).reason.code is EventCode.QUOTA_EXCEEDED
