"""The meter bills what EC2 has shown, for all histories of an instance and all gaps between the looks at it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.instances.billed_segment import BilledSegment
from chalicelib.domain.instances.billing import Billing, BillingState, Rates
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, EndCause, StateReason
from chalicelib.domain.instances.metering import advance_meter, compute_cost, get_open_segment
from chalicelib.domain.instances.record import Instance
from tests.support.ready_instance import INSTANCE_ID
from tests.unit.instances.simulation import build_instance, get_time

RUNS = (Ec2State.RUNNING, Ec2State.STOPPING, Ec2State.SHUTTING_DOWN)
AFTER = {
    Ec2State.PENDING: (Ec2State.RUNNING, Ec2State.SHUTTING_DOWN),
    Ec2State.RUNNING: (Ec2State.STOPPING, Ec2State.SHUTTING_DOWN),
    Ec2State.STOPPING: (Ec2State.STOPPED,),
    Ec2State.STOPPED: (Ec2State.PENDING, Ec2State.SHUTTING_DOWN),
    Ec2State.SHUTTING_DOWN: (Ec2State.TERMINATED,),
    Ec2State.TERMINATED: (),
}
"""The states that can follow: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html"""


@dataclass(frozen=True)
class TrueMinute:
    """The state of an EC2 instance in one minute, and whether AWS bills the instance, only its disk, or nothing."""

    state: Ec2State
    launched: int
    has_run: bool

    @property
    def can_bill_running(self) -> bool:
        return self.has_run and self.state in RUNS


@st.composite
def histories(draw: st.DrawFn) -> list[TrueMinute]:
    minutes: list[TrueMinute] = []
    state, launched, has_run = Ec2State.PENDING, 0, False
    for _ in range(draw(st.integers(1, 9))):
        if state is Ec2State.PENDING:
            launched, has_run = len(minutes), False
        has_run = (has_run or state is Ec2State.RUNNING) and state is not Ec2State.STOPPED
        minutes += [TrueMinute(state, launched, has_run)] * draw(st.integers(1, 6))
        if not AFTER[state]:
            break
        state = draw(st.sampled_from(AFTER[state]))
    return minutes


def look(record: Instance, minute: TrueMinute, price: int) -> Instance:
    shown = Ec2Instance(
        instance_id=INSTANCE_ID,
        zone="us-east-1a",
        state=minute.state,
        launched_at=get_time(minute.launched),
        state_reason=StateReason(code="", cause=EndCause.CALL if minute.has_run else EndCause.ZONE),
    )
    rates = Rates(instance=Decimal(price), disk=Decimal(1))
    is_gone = minute.state is Ec2State.TERMINATED
    return replace(record, ec2_instance=None if is_gone else shown, billing=replace(record.billing, rates=rates))


def find_billed(segments: list[BilledSegment], minute: int) -> BilledSegment | None:
    billed = [each for each in segments if each.since <= get_time(minute) < each.until]
    assert len(billed) <= 1, "a minute is billed twice"
    return billed[0] if billed else None


@given(histories(), st.data())
def test_every_minute_is_billed_in_a_state_that_ec2_had_between_two_looks(
    history: list[TrueMinute], data: st.DataObject
) -> None:
    looks = sorted(data.draw(st.sets(st.integers(0, len(history) - 1), min_size=1)))
    record = replace(build_instance(), ec2_instance=None, billing=Billing(rates=Rates(instance=Decimal(10))))
    segments: list[BilledSegment] = []
    for at in looks:
        before, price = record, data.draw(st.sampled_from((10, 20)))
        record, ended = advance_meter(before, look(before, history[at], price), get_time(at))
        segments += ended
        known = before.ec2_instance
        if known and known.state is not Ec2State.PENDING and known.launched_at == get_time(history[at].launched):
            counted = compute_cost(before, get_time(at))
            assert compute_cost(record, get_time(at)) == counted, "what was counted before has changed"
    still_open = get_open_segment(record, get_time(looks[-1]) + timedelta(seconds=1))
    segments += [still_open] if still_open else []
    for first, last in pairwise(looks):
        for minute in range(first, last):
            check_minute(history[minute], history[first : last + 1], find_billed(segments, minute))


def check_minute(truth: TrueMinute, gap: list[TrueMinute], billed: BilledSegment | None) -> None:
    """Compare what is billed for a minute with what is true.

    :param gap: the minutes from the look before it to the look after it
    """
    state = billed.state if billed else BillingState.NOTHING
    if state is BillingState.RUNNING:
        assert any(each.can_bill_running or each.state is Ec2State.PENDING for each in gap), "it has not run"
    is_seen = any(each.can_bill_running and each.launched == truth.launched for each in (gap[0], gap[-1]))
    if truth.state is Ec2State.RUNNING and is_seen:
        assert state is BillingState.RUNNING, "it ran"
    if gap[0].state is Ec2State.STOPPED and gap[-1].launched == gap[0].launched:
        assert state is BillingState.STOPPED, "only its disk is billed"
