"""Which records count towards a quota of EC2."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.start_state import StartState
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import EC2_RUNNING, MINUTE, START, build_launch_attempt, build_ready_instance
from tests.unit.launch.failover_examples import build_launch

TYPES = load_catalog().types


def count(record: Instance) -> int | None:
    quotas = CurrentQuotas(region=record.spec.region, reading=None, records=[record], types=TYPES, now=START)
    return quotas.count_managed_use("L-DB2E81BA")


@pytest.mark.parametrize(
    ("launch", "use"),
    [
        ({}, 4),
        ({"pass_number": 2, "retry_at": START + MINUTE}, 0),
        ({"pass_number": 2, "attempt": build_launch_attempt()}, 4),
    ],
    ids=["first pass", "waits for capacity", "is tried again"],
)
def test_launch_counts_unless_it_waits_for_capacity(launch: dict[str, Any], use: int) -> None:
    assert count(replace(build_launch(), phase=Phase.LAUNCHING, launch=LaunchState(**launch))) == use


def test_launch_that_tries_other_offers_first_counts_although_it_may_wait_for_a_quota() -> None:
    launch = replace(build_launch(), phase=Phase.REQUESTED)
    assert count(replace(launch, spec=replace(launch.spec, wait_for_quota=True))) == 4


@pytest.mark.parametrize(
    ("state", "start", "use"),
    [
        (Ec2State.STOPPED, StartState(), 4),
        (Ec2State.STOPPED, StartState(refused_since=START), 0),
        (Ec2State.PENDING, StartState(refused_since=START), 4),
    ],
)
def test_start_counts_unless_it_waits_for_capacity(state: Ec2State, start: StartState, use: int) -> None:
    machine = replace(EC2_RUNNING, state=state).to_ec2_instance()
    assert count(replace(build_ready_instance(), phase=Phase.BOOTING, ec2_instance=machine, start=start)) == use
