"""Launches with generated answers of EC2: never two instances, never what the request forbids, at most 20 tries a pass.

Decisions and the choice of offers are those of the product. EC2 is simulated: it has one answer for each call.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import (
    AwsError,
    InsufficientCapacity,
    QuotaExceeded,
    RegionPending,
    TransientAwsError,
)
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.ec2_instance import Ec2State, EndCause, StateReason
from chalicelib.domain.instances.hardware import build_hardware
from chalicelib.domain.instances.launch_attempt import LaunchAttempt
from chalicelib.domain.instances.launch_tries import MAX_TRIES, TryResult
from chalicelib.domain.instances.lifecycle import outcomes
from chalicelib.domain.instances.lifecycle.decide import decide
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.observation import NotVisible, Observation, ObservedInstance
from chalicelib.domain.instances.outcome import InstanceLaunched, LaunchResolved, Outcome
from chalicelib.domain.instances.plan import Launch, ResolveLaunch, Step
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.launch.next_offer import OfferChooser
from chalicelib.domain.offers.offer import Offer
from chalicelib.domain.offers.offer_context import OfferContext
from tests.support.ready_instance import EC2_RUNNING, MINUTE, build_launch_attempt
from tests.support.recipes import build_recipes
from tests.unit.instances.simulation import CATALOG, build_context
from tests.unit.launch.failover_examples import FIRST_REGION, FIRST_TYPE, build_launch, build_offering, build_region
from tests.unit.offers.offer_examples import NOW
from tests.unit.offers.offer_examples import build_context as build_offer_context

MINUTES = 8
MAX_PRICE = Decimal("0.65")
RECIPES = build_recipes()
OFFERS = build_offer_context(
    build_region("us-east-1", "abcdef", g4dn_2xlarge=build_offering("us-east-1", "abcdef", "0.6")),
    build_region("us-west-2", "abcd", "0.52"),
    build_region("eu-west-1", "abc", "0.587"),
)
"""Offers for more than two passes: 19 on demand that are cheap enough, and those on spot."""


class Answer(StrEnum):
    """What EC2 does with a call of RunInstances."""

    LAUNCH = "launch"
    END = "launch, then end for lack of capacity"
    REFUSE = "no capacity"
    QUOTA = "quota exceeded"
    PENDING = "region pending"
    THROTTLE = "throttled"
    LOSE_LAUNCH = "launch, and the answer is lost"


ERRORS: dict[Answer, AwsError] = {
    Answer.REFUSE: InsufficientCapacity("InsufficientInstanceCapacity", "None is left."),
    Answer.QUOTA: QuotaExceeded("VcpuLimitExceeded", "Too many vCPUs."),
    Answer.PENDING: RegionPending("PendingVerification", "The account is being validated."),
    Answer.THROTTLE: TransientAwsError("RequestLimitExceeded", "Slow down."),
}


@dataclass
class SimulatedEc2:
    """EC2 with one answer for each call.

    :ivar answers: those of the next calls; afterwards there is no capacity
    :ivar calls: the attempts of all calls
    :ivar instances: what was launched, by token
    """

    answers: list[Answer]
    calls: list[LaunchAttempt] = field(default_factory=list)
    instances: dict[str, ObservedInstance] = field(default_factory=dict)

    def run_instances(self, attempt: LaunchAttempt, now: datetime) -> Outcome:
        self.calls.append(attempt)
        answer = self.answers.pop(0) if self.answers else Answer.REFUSE
        if attempt.token in self.instances:
            return InstanceLaunched(self.instances[attempt.token].to_ec2_instance())
        if answer in ERRORS:
            return ERRORS[answer]
        launched = replace(
            EC2_RUNNING,
            instance_id=f"i-{len(self.instances)}",
            region=attempt.region,
            zone=attempt.zone,
            instance_type=attempt.instance_type,
            launched_at=now,
            state=Ec2State.PENDING,
        )
        self.instances[attempt.token] = launched
        if answer is Answer.LOSE_LAUNCH:
            return TransientAwsError("RequestTimeout", "No response.")
        if answer is Answer.END:
            reason = StateReason(code="Server.InsufficientInstanceCapacity", cause=EndCause.ZONE)
            self.instances[attempt.token] = replace(launched, state=Ec2State.TERMINATED, state_reason=reason)
        return InstanceLaunched(launched.to_ec2_instance())

    def observe(self, instance: Instance) -> ObservedInstance | NotVisible:
        """Return the newest instance in the region of the record that it does not know to be ended."""
        ended = instance.launch.ended_instance_ids
        found = [each for each in self.instances.values() if each.instance_id not in ended]
        return next((each for each in found if each.region == instance.spec.region), NotVisible())

    @property
    def running(self) -> list[ObservedInstance]:
        return [each for each in self.instances.values() if each.state is not Ec2State.TERMINATED]


@dataclass
class LaunchWorld:
    """One launch, decided every minute."""

    instance: Instance
    ec2: SimulatedEc2
    context: OfferContext
    history: list[Instance] = field(default_factory=list)

    def run(self) -> None:
        for minute in range(MINUTES):
            self._reconcile(NOW + minute * MINUTE)

    def _reconcile(self, now: datetime) -> None:
        for _ in range(8):
            plan = decide(self.instance, Observation(ec2=self.ec2.observe(self.instance)), now, build_context())
            self._write(plan.instance)
            requeue = plan.requeue
            if isinstance(plan.step, ResolveLaunch | Launch):
                outcome = self._execute(plan.step, now)
                recorded = outcomes.record_outcome(self.instance, plan.step, outcome, now)
                self._write(recorded.instance)
                requeue = requeue or recorded.requeue
            if not requeue:
                return

    def _write(self, instance: Instance) -> None:
        self.instance = instance
        self.history.append(instance)

    def _execute(self, step: Step, now: datetime) -> Outcome:
        if isinstance(step, Launch):
            return self.ec2.run_instances(step.attempt, now)
        assert isinstance(step, ResolveLaunch)
        chooser = OfferChooser(replace(self.context, now=now), RECIPES)
        ordered = chooser.order(self.instance, chooser.list_offers(self.instance.spec), step.excluded)
        return self._resolve(ordered[0]) if ordered else InsufficientCapacity("NoOfferLeft", "Nothing is left")

    def _resolve(self, offer: Offer) -> LaunchResolved:
        number = self.instance.launch.attempt_count + 1
        price = offer.price.usd_per_hour if offer.price else None
        attempt = replace(
            build_launch_attempt(number, offer.zone),
            region=offer.region,
            instance_type=offer.instance_type,
            market=offer.market,
            price=price,
        )
        return LaunchResolved(attempt, build_hardware(offer.instance_type, CATALOG), Rates(instance=price))


def build_requested(*, is_type_fixed: bool, is_region_fixed: bool, markets: Sequence[Market]) -> Instance:
    named = {"gpus": (), "gpu_count": None} if is_type_fixed else {}
    launch = build_launch(is_region_fixed=is_region_fixed, markets=tuple(markets), max_price=MAX_PRICE, **named)
    return replace(launch, phase=Phase.REQUESTED, phase_since=NOW, ready_since=None, lifetime=Lifetime())


requests = st.builds(
    build_requested,
    is_type_fixed=st.booleans(),
    is_region_fixed=st.booleans(),
    markets=st.sampled_from([(Market.ON_DEMAND,), (Market.SPOT,), (Market.SPOT, Market.ON_DEMAND)]),
)
answers = st.lists(st.sampled_from([*Answer, *[Answer.REFUSE] * 8]), max_size=40)


@given(requests, answers)
def test_launch_uses_one_token_for_each_try_and_never_leaves_what_its_request_names(
    requested: Instance, drawn: list[Answer]
) -> None:
    world = LaunchWorld(requested, SimulatedEc2(list(drawn)), OFFERS)
    world.run()
    check_offers(requested, world.ec2.calls)
    check_tokens(world, drawn)
    for record in world.history:
        check_record(record)
    launched = [each for each in world.instance.launch.tries if each.result is TryResult.LAUNCHED]
    machine = world.instance.ec2_instance
    assert [each.offer.zone for each in launched] == ([machine.zone] if machine else [])


def check_offers(requested: Instance, calls: Iterable[LaunchAttempt]) -> None:
    choice = requested.spec.launch_choice
    assert choice is not None
    for attempt in calls:
        assert attempt.market in choice.markets
        assert attempt.price is not None
        assert attempt.price <= MAX_PRICE
        assert not choice.is_region_fixed or attempt.region == FIRST_REGION
        assert not choice.is_type_fixed or attempt.instance_type == FIRST_TYPE


def check_tokens(world: LaunchWorld, drawn: Sequence[Answer]) -> None:
    """Check that an attempt without a definite answer is repeated unchanged, and that no other one is repeated."""
    calls, choice = world.ec2.calls, world.instance.spec.launch_choice
    assert choice is not None
    repeated = {Answer.THROTTLE, Answer.LOSE_LAUNCH, *([Answer.PENDING] if choice.is_region_fixed else [])}
    attempt = world.instance.launch.attempt
    unsent = 1 if attempt and attempt.sent_at is None else 0
    assert len({call.token for call in calls}) == world.instance.launch.attempt_count - unsent
    assert len(world.ec2.running) <= 1
    received = [*drawn, *[Answer.REFUSE] * len(calls)]
    for call, following, answer in zip(calls, calls[1:], received, strict=False):
        if answer in repeated:
            unsent_calls = [replace(each, sent_at=None, last_sent_at=None) for each in (call, following)]
            assert unsent_calls[0] == unsent_calls[1]
        else:
            assert following.number == call.number + 1


def check_record(record: Instance) -> None:
    """Check that a pass tries no offer twice, and that the record has the offer of its attempt."""
    tries, attempt, spec = record.launch.tries_of_pass, record.launch.attempt, record.spec
    assert len({each.offer.key for each in tries}) == len(tries) <= MAX_TRIES
    if attempt:
        offer = (attempt.region, attempt.instance_type, attempt.market)
        assert offer == (spec.region, spec.hardware.instance_type, spec.market)
