"""A launch that waits for a quota of EC2."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.api.instances.launch_views import to_launch_view
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import QuotaCodes, find_quota_codes
from chalicelib.domain.common.aws_errors import InsufficientCapacity, QuotaExceeded
from chalicelib.domain.common.deadlines import QUOTA_RETRY, QUOTA_WAIT_DEADLINE
from chalicelib.domain.common.errors import Conflict, ErrorCode
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import DeskSettings, Limits
from chalicelib.domain.instances.commands import stop_start
from chalicelib.domain.instances.commands.keep import request_keep
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.launch_tries import LaunchOffer, LaunchTry, TryResult
from chalicelib.domain.instances.lifecycle import launching
from chalicelib.domain.instances.lifecycle.launch_errors import record_launch_error
from chalicelib.domain.instances.plan import Plan, ResolveLaunch
from chalicelib.domain.instances.quota_wait import ObservedQuota, QuotaWait
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import ADA, MINUTE, build_launch_attempt
from tests.unit.instances.simulation import build_requested_instance, get_time

NOW = get_time(0)
DESK = DeskSettings()
REFUSAL = QuotaExceeded("VcpuLimitExceeded", "Your current vCPU limit is 0.")
NEED = "g4dn.xlarge needs 4 vCPUs of quota L-DB2E81BA (Running On-Demand G and VT instances) in us-east-1."
REFUSED = QuotaWait(since=NOW, refused_at=NOW, refusal=f"EC2 refused it: {REFUSAL.description} {NEED}")


def build_launch(wait: QuotaWait | None = None, **launch: Any) -> Instance:
    """Return a requested instance that may wait for its quota."""
    instance = build_requested_instance()
    state = LaunchState(quota_wait=wait, **launch)
    spec = replace(instance.spec, wait_for_quota=True, hardware=replace(instance.spec.hardware, vcpus=4))
    return replace(instance, spec=spec, launch=state)


def observe(
    *, fits: bool | None, age: timedelta = timedelta(), declined: str | None = None, region: str = "us-east-1"
) -> ObservedQuota:
    return ObservedQuota(
        key=f"{region}/L-DB2E81BA",
        fits=fits,
        need=f"g4dn.xlarge needs 4 vCPUs of quota L-DB2E81BA in {region}.",
        message=f"Quota L-DB2E81BA in {region}: 0 vCPUs, 0 in use.",
        last_reading="When gpudesk last read it, the limit was 8 vCPUs; 0 are in use.",
        read_at=NOW - age,
        request="Nobody has requested an increase.",
        declined_request=declined,
    )


def decide(instance: Instance, quota: ObservedQuota | None, at: timedelta = timedelta()) -> Plan:
    return launching.decide(instance, NOW + at, DESK, (quota,) if quota else ())


def list_codes(plan: Plan) -> list[EventCode]:
    return [entry.code for entry in plan.timeline]


def test_launch_beyond_its_quota_waits_and_says_until_when() -> None:
    plan = decide(build_launch(), observe(fits=False))
    assert plan.step is None
    assert plan.instance.launch.quota_wait == QuotaWait(since=NOW, exceeded=("us-east-1/L-DB2E81BA",))
    assert list_codes(plan) == [EventCode.WAITING_FOR_QUOTA]
    until = NOW + QUOTA_WAIT_DEADLINE
    assert f"waits until {until:%Y-%m-%d %H:%M} UTC" in plan.reason.message
    assert "Nobody has requested an increase." in plan.reason.message


@pytest.mark.parametrize("quota", [None, observe(fits=None), observe(fits=True)])
def test_launch_that_fits_or_of_which_nothing_is_known_is_launched(quota: ObservedQuota | None) -> None:
    assert isinstance(decide(build_launch(), quota).step, ResolveLaunch)


def test_launch_that_does_not_wait_for_a_quota_is_launched() -> None:
    instance = build_launch()
    instance = replace(instance, spec=replace(instance.spec, wait_for_quota=False))
    assert isinstance(decide(instance, observe(fits=False)).step, ResolveLaunch)


def test_waiting_launch_is_not_written_again_while_nothing_changes() -> None:
    waiting = decide(build_launch(), observe(fits=False)).instance
    for quota in (None, observe(fits=False)):
        plan = decide(waiting, quota, MINUTE)
        assert (plan.instance, plan.timeline, plan.step) == (waiting, (), None)


def test_waiting_launch_goes_on_when_the_quota_suffices_with_the_whole_time_to_launch() -> None:
    waiting = decide(build_launch(started_at=NOW), observe(fits=False)).instance
    later = timedelta(days=3)
    plan = decide(waiting, observe(fits=True), later)
    assert (list_codes(plan), plan.requeue) == ([EventCode.QUOTA_AVAILABLE], True)
    assert isinstance(decide(plan.instance, None, later + 14 * MINUTE).step, ResolveLaunch)


def test_refusal_of_ec2_makes_the_launch_wait_and_notifies_once() -> None:
    launched = replace(build_launch(attempt=build_launch_attempt(), started_at=NOW), phase=Phase.LAUNCHING)
    plan = record_launch_error(launched, REFUSAL, NOW)
    assert list_codes(plan) == [EventCode.WAITING_FOR_QUOTA]
    assert plan.instance.launch.attempt is None
    assert plan.instance.phase is Phase.REQUESTED, "as a launch that gpudesk did not even send"
    assert plan.instance.launch.quota_wait == REFUSED
    assert "Your current vCPU limit is 0 (VcpuLimitExceeded)." in plan.reason.message
    tried = decide(plan.instance, observe(fits=True, age=-MINUTE), 2 * MINUTE).instance
    resolved = replace(tried, launch=replace(tried.launch, attempt=build_launch_attempt()))
    again = record_launch_error(resolved, REFUSAL, NOW + 3 * MINUTE)
    assert list_codes(again) == []
    wait = again.instance.launch.quota_wait
    assert wait == replace(REFUSED, refused_at=NOW + 3 * MINUTE, try_count=1)
    retried = decide(again.instance, observe(fits=True, age=-4 * MINUTE), 5 * MINUTE)
    assert list_codes(retried) == [EventCode.RETRYING]


def test_start_and_keep_of_a_waiting_launch_say_that_nothing_runs() -> None:
    waiting = build_launch(REFUSED, started_at=NOW)
    change = stop_start.request_start(waiting, ADA, NOW)
    reason = stop_start.build_request_reason(change.instance)
    assert reason.message == f"{waiting.name} waits for a larger quota. The request changes nothing."
    with pytest.raises(Conflict, match="nothing runs that could be kept") as refused:
        request_keep(waiting, NOW + timedelta(hours=1), ADA, Limits(), NOW)
    assert refused.value.code is ErrorCode.NOT_RUNNING


def test_try_without_known_quota_promises_nothing() -> None:
    plan = decide(build_launch(REFUSED), observe(fits=None), QUOTA_RETRY)
    assert "may suffice now" in plan.reason.message
    assert "If EC2 refuses it, it waits again." in plan.reason.message
    assert EventCode.QUOTA_AVAILABLE.subject == "is being launched: its AWS quota may suffice now"


@pytest.mark.parametrize(
    ("quota", "at", "goes_on"),
    [
        (observe(fits=True, age=MINUTE), MINUTE, False),
        (observe(fits=True, age=-MINUTE), 2 * MINUTE, True),
        (observe(fits=False, age=-MINUTE), 2 * MINUTE, False),
        (observe(fits=None), QUOTA_RETRY - MINUTE, False),
        (observe(fits=None), QUOTA_RETRY, True),
    ],
)
def test_refused_launch_is_tried_once_for_each_reading(quota: ObservedQuota, at: timedelta, goes_on: bool) -> None:
    plan = decide(build_launch(REFUSED), quota, at)
    assert (EventCode.QUOTA_AVAILABLE in list_codes(plan)) is goes_on


def test_reason_has_the_refusal_until_the_quota_is_read_again() -> None:
    message = decide(build_launch(REFUSED), observe(fits=None), MINUTE).reason.message
    assert f"EC2 refused it: {REFUSAL.description} {NEED} When gpudesk last read it, the limit was 8" in message
    assert (
        "0 vCPUs, 0 in use"
        in decide(build_launch(REFUSED), observe(fits=False, age=-MINUTE), 2 * MINUTE).reason.message
    )


def test_owner_learns_once_of_a_declined_request_and_the_launch_still_waits() -> None:
    plan = decide(build_launch(QuotaWait(since=NOW)), observe(fits=False, declined="r1"), MINUTE)
    assert list_codes(plan) == [EventCode.QUOTA_DECLINED]
    assert list_codes(decide(plan.instance, observe(fits=False, declined="r1"), 2 * MINUTE)) == []
    assert list_codes(decide(plan.instance, observe(fits=False, declined="r2"), 2 * MINUTE)) == [
        EventCode.QUOTA_DECLINED
    ]


def test_wait_ends_at_its_deadline() -> None:
    instance = build_launch(QuotaWait(since=NOW))
    assert decide(instance, observe(fits=False), QUOTA_WAIT_DEADLINE).instance.phase is Phase.REQUESTED
    failed = decide(instance, observe(fits=False), QUOTA_WAIT_DEADLINE + MINUTE)
    assert (failed.instance.phase, list_codes(failed)) == (Phase.FAILED, [EventCode.QUOTA_EXCEEDED])


def with_choice(instance: Instance, **choice: Any) -> Instance:
    """Return the launch with a choice; without fields, it names type and region."""
    found = LaunchChoice(instance_type="g4dn.xlarge", region="us-east-1", **choice)
    return replace(instance, spec=replace(instance.spec, launch_choice=found))


CHOICES = [
    {"is_region_fixed": False},
    {"gpus": ("T4", "A100 40GB"), "gpu_count": 1},
    {"markets": (Market.SPOT, Market.ON_DEMAND)},
]


@pytest.mark.parametrize("choice", CHOICES)
def test_launch_whose_other_offers_have_other_quotas_tries_them_before_it_waits(choice: dict[str, Any]) -> None:
    instance = with_choice(build_launch(), **choice)
    assert isinstance(decide(instance, observe(fits=False)).step, ResolveLaunch)
    single = with_choice(build_launch(), gpus=("T4",), gpu_count=1)
    assert decide(single, observe(fits=False)).step is None


def test_all_types_with_one_gpu_share_a_quota() -> None:
    quotas: dict[str, set[QuotaCodes]] = {}
    for item in load_catalog().types.values():
        if item.gpu:
            quotas.setdefault(item.gpu, set()).add(find_quota_codes(item.family))
    assert [name for name, found in quotas.items() if len(found) > 1] == []


REGIONS = ("us-west-2", "us-east-1", "ap-northeast-2")


def build_refused(*, first_minute: int = 0, **state: Any) -> Instance:
    """Return a launch whose offers EC2 refused for their quotas, a minute apart, the one in us-west-2 first."""
    tries = tuple(
        LaunchTry(
            offer=LaunchOffer(instance_type="g4dn.xlarge", region=region, zone=f"{region}a"),
            result=TryResult.QUOTA_EXCEEDED,
            at=NOW + (first_minute + number) * MINUTE,
            code=REFUSAL.code,
            message=f"Your limit in {region} is 0.",
        )
        for number, region in enumerate(REGIONS)
    )
    wait = replace(REFUSED, refused_at=tries[-1].at)
    instance = with_choice(build_launch(wait, tries=tries, pass_number=2, **state), is_region_fixed=False)
    return replace(instance, spec=replace(instance.spec, region=REGIONS[-1]))


def decide_for(instance: Instance, minutes: int, **fits: bool | None) -> Plan:
    """Decide with a reading of each quota, as `us_west_2=True`; all were read before EC2 refused the launch."""
    quotas = [observe(fits=value, age=MINUTE, region=name.replace("_", "-")) for name, value in fits.items()]
    return launching.decide(instance, NOW + minutes * MINUTE, DESK, quotas)


def test_launch_with_several_quotas_goes_on_as_soon_as_one_of_them_is_free() -> None:
    exceeded = {"us_west_2": False, "us_east_1": False, "ap_northeast_2": False}
    waiting = decide_for(build_refused(), 3, **exceeded)
    assert list_codes(waiting) == []
    assert decide_for(waiting.instance, 200, **exceeded).step is None, "known quotas are not tried again"
    for region in exceeded:
        freed = decide_for(waiting.instance, 4, **{**exceeded, region: True})
        assert list_codes(freed) == [EventCode.QUOTA_AVAILABLE]
        assert f"L-DB2E81BA in {region.replace('_', '-')}" in freed.reason.message


def test_quota_that_seems_free_in_spite_of_a_refusal_is_tried_after_the_next_reading_only() -> None:
    instance = build_refused()
    assert list_codes(decide_for(instance, 3, us_west_2=True, us_east_1=False)) == []
    between = replace(observe(fits=True, region="us-west-2"), read_at=NOW + MINUTE)
    other = observe(fits=False, region="us-east-1")
    plan = launching.decide(instance, NOW + 3 * MINUTE, DESK, [between, other])
    assert list_codes(plan) == [EventCode.QUOTA_AVAILABLE], "it was read after its own refusal, before the last one"
    untried = replace(between, key="eu-west-1/L-DB2E81BA")
    plan = launching.decide(instance, NOW + 3 * MINUTE, DESK, [other, untried])
    assert list_codes(plan) == [], "the last pass had this reading, and did not launch there"


def test_stale_reading_forgets_no_quota_that_was_exceeded_since_the_refusal() -> None:
    exceeded = decide_for(build_refused(), 3, us_west_2=False, us_east_1=False).instance
    unknown = decide_for(exceeded, 4, us_west_2=None, us_east_1=False).instance
    assert decide_for(unknown, 5, us_west_2=None, us_east_1=False).instance == unknown
    assert list_codes(decide_for(unknown, 6, us_west_2=True, us_east_1=False)) == [EventCode.QUOTA_AVAILABLE]


def test_unknown_quota_of_several_is_tried_every_hour() -> None:
    hour = int(QUOTA_RETRY / MINUTE)
    assert list_codes(decide_for(build_refused(), hour - 1, us_west_2=None, us_east_1=False)) == []
    again = decide_for(build_refused(), hour, us_west_2=None, us_east_1=False)
    assert list_codes(again) == [EventCode.QUOTA_AVAILABLE]
    assert "The quota may suffice now" in again.reason.message


def test_reason_names_the_quota_of_the_first_offer_and_those_that_somebody_wants_to_increase() -> None:
    known = [observe(fits=False, age=-MINUTE, region=region) for region in (*REGIONS, "eu-west-1", "eu-west-2")]
    known[4] = replace(known[4], request="ada requested an increase.", is_requested=True)
    known[1] = replace(known[1], read_at=NOW)
    message = launching.decide(build_refused(first_minute=-3), NOW, DESK, known).reason.message
    named = [region for region in (*REGIONS, "eu-west-1", "eu-west-2") if f" in {region}" in message]
    assert named == ["us-west-2", "us-east-1", "eu-west-2"]
    assert "in us-west-2: 0 vCPUs, 0 in use. Nobody has requested" in message
    assert "eu-west-2: 0 vCPUs, 0 in use. ada requested an increase." in message
    assert "2 other quotas would do, too." in message
    assert "as soon as one of its quotas is large enough" in message


def test_refusals_of_all_offers_name_the_first_one_and_the_quotas_of_the_others() -> None:
    refused = build_refused()
    launched = replace(refused, launch=replace(refused.launch, quota_wait=None, pass_number=1), phase=Phase.LAUNCHING)
    plan = record_launch_error(launched, InsufficientCapacity("NoOfferLeft", "Nothing is left"), NOW)
    assert list_codes(plan) == [EventCode.WAITING_FOR_QUOTA]
    assert "EC2 refused it: Your limit in us-west-2 is 0 (VcpuLimitExceeded)." in plan.reason.message
    assert "needs 4 vCPUs of quota L-DB2E81BA (Running On-Demand G and VT instances) in us-west-2." in (
        plan.reason.message
    )
    assert "its other offers for a quota, too: L-DB2E81BA in us-east-1 and L-DB2E81BA in ap-northeast-2." in (
        plan.reason.message
    )
    only_first = replace(launched.launch, tries=launched.launch.tries[:1])
    plan = record_launch_error(replace(launched, launch=only_first), InsufficientCapacity("NoOfferLeft", "None"), NOW)
    assert "The quota of another of its offers would do, too." in plan.reason.message
    impatient = replace(launched, spec=replace(launched.spec, wait_for_quota=False))
    failed = record_launch_error(impatient, InsufficientCapacity("NoOfferLeft", "Nothing is left"), NOW)
    assert "in us-west-2. Ask an admin to request an increase of L-DB2E81BA" in failed.reason.message


def test_owner_learns_once_of_each_declined_request_of_several_quotas() -> None:
    instance, quotas = build_refused(), [observe(fits=False, declined=region, region=region) for region in REGIONS]
    codes: list[EventCode] = []
    for minute in range(3, 9):
        plan = launching.decide(instance, NOW + minute * MINUTE, DESK, quotas)
        instance, codes = plan.instance, [*codes, *list_codes(plan)]
    assert codes == [EventCode.QUOTA_DECLINED] * 3


def test_wait_until_bounds_the_wait_for_a_quota() -> None:
    until = NOW + timedelta(hours=6)
    instance = with_choice(build_launch(), wait_until=until)
    waiting = decide(instance, observe(fits=False))
    assert f"waits until {until:%Y-%m-%d %H:%M} UTC" in waiting.reason.message
    assert decide(waiting.instance, observe(fits=False), timedelta(hours=6)).instance.phase is Phase.REQUESTED
    failed = decide(waiting.instance, observe(fits=True), timedelta(hours=6, minutes=1))
    assert list_codes(failed) == [EventCode.QUOTA_EXCEEDED]
    assert "It has waited for a larger quota for 6 h." in failed.reason.message
    resumed = DeskSettings(resumed_at=until)
    failed = launching.decide(waiting.instance, until + MINUTE, resumed, [observe(fits=True)])
    assert f"gpudesk was paused until {until:%Y-%m-%d %H:%M} UTC." in failed.reason.message


def test_status_names_the_quota_and_not_capacity() -> None:
    waiting = with_choice(build_launch(REFUSED), is_region_fixed=False)
    view = to_launch_view(waiting)
    assert view is not None
    assert view["waits_for"] == "a larger quota for g4dn.xlarge in us-east-1, or for another of its offers"
    assert view["next_try_at"] is None


def test_termination_cancels_a_waiting_launch_at_once() -> None:
    change = stop_start.request_termination(build_launch(QuotaWait(since=NOW)), ADA, NOW)
    assert decide(change.instance, observe(fits=False), MINUTE).instance.phase is Phase.TERMINATED


def test_refused_launch_that_does_not_wait_names_quota_need_and_choices() -> None:
    instance = build_requested_instance()
    spec = replace(instance.spec, hardware=replace(instance.spec.hardware, instance_type="g4dn.xlarge", vcpus=4))
    plan = record_launch_error(replace(instance, spec=spec), REFUSAL, NOW)
    assert plan.instance.phase is Phase.FAILED
    assert "g4dn.xlarge needs 4 vCPUs of quota L-DB2E81BA (Running On-Demand G and VT" in plan.reason.message
    assert "increase of L-DB2E81BA, or launch with wait_for_quota: gpudesk launches it when" in plan.reason.message


def test_other_quotas_of_ec2_are_not_waited_for() -> None:
    error = QuotaExceeded("VolumeLimitExceeded", "Too many volumes.")
    assert record_launch_error(build_launch(), error, NOW).instance.phase is Phase.FAILED
