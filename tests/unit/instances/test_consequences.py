"""What a requested stop or termination costs and deletes."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.commands.consequences import ConsequenceCode, list_consequences
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from tests.support.ready_instance import build_ready_instance

STORE, ADDRESS = ConsequenceCode.INSTANCE_STORE_DELETED, ConsequenceCode.ADDRESS_CHANGES


def build_requested(phase: Phase, desired: DesiredState, store_gb: int = 125) -> Instance:
    """Return an instance whose disk costs 7.30 dollars per month."""
    ready = build_ready_instance()
    hardware = replace(ready.spec.hardware, instance_store_gb=store_gb)
    rates = Rates(instance=Decimal(1), disk=Decimal("0.01"))
    spec = replace(ready.spec, desired=desired, hardware=hardware)
    return replace(ready, phase=phase, spec=spec, billing=Billing(rates=rates))


@pytest.mark.parametrize(
    ("phase", "desired", "store_gb", "codes"),
    [
        (Phase.READY, DesiredState.STOPPED, 125, [ConsequenceCode.DISK_BILLED, STORE, ADDRESS]),
        (Phase.STOPPING, DesiredState.STOPPED, 0, [ConsequenceCode.DISK_BILLED, ADDRESS]),
        (Phase.STOPPED, DesiredState.STOPPED, 125, [ConsequenceCode.DISK_BILLED]),
        (Phase.READY, DesiredState.TERMINATED, 125, [ConsequenceCode.DISK_DELETED, STORE]),
        (Phase.STOPPED, DesiredState.TERMINATED, 125, [ConsequenceCode.DISK_DELETED]),
        (Phase.TERMINATED, DesiredState.TERMINATED, 125, []),
        (Phase.BOOTING, DesiredState.RUNNING, 125, []),
    ],
)
def test_consequences_are_those_that_are_still_to_come(
    phase: Phase, desired: DesiredState, store_gb: int, codes: list[ConsequenceCode]
) -> None:
    assert [each.code for each in list_consequences(build_requested(phase, desired, store_gb))] == codes


@pytest.mark.parametrize(
    ("desired", "code"),
    [
        (DesiredState.STOPPED, ConsequenceCode.DISK_BILLED),
        (DesiredState.TERMINATED, ConsequenceCode.DISK_DELETED),
    ],
)
def test_instance_that_waits_for_capacity_to_start_has_nothing_else_to_lose(
    desired: DesiredState, code: ConsequenceCode
) -> None:
    booting = build_requested(Phase.BOOTING, desired)
    assert booting.ec2_instance is not None
    waiting = replace(booting, ec2_instance=replace(booting.ec2_instance, state=Ec2State.STOPPED))
    assert [each.code for each in list_consequences(waiting, "EC2 refused it.")] == [code]


def test_stop_says_what_the_disk_costs_and_termination_that_it_ends() -> None:
    stop, store, _ = list_consequences(build_requested(Phase.READY, DesiredState.STOPPED))
    assert stop.message == "The root disk of n (64 GiB) stays and costs $7.30 per month until you terminate n."
    assert store.message == "The stop deletes /tmp and the instance store (125 GB)."
    termination = next(list_consequences(build_requested(Phase.READY, DesiredState.TERMINATED)))
    assert "is deleted. It no longer costs $7.30 per month." in termination.message


def test_stop_that_is_still_to_come_says_that_the_start_may_be_refused() -> None:
    ahead, done = (build_requested(phase, DesiredState.STOPPED) for phase in (Phase.READY, Phase.STOPPED))
    *_, last = list_consequences(ahead, "EC2 refused it.")
    assert (last.code, last.message) == (ConsequenceCode.START_MAY_BE_REFUSED, "EC2 refused it.")
    assert [each.code for each in list_consequences(done, "EC2 refused it.")] == [ConsequenceCode.DISK_BILLED]


def test_unknown_price_of_a_disk_is_not_shown() -> None:
    instance = replace(build_requested(Phase.READY, DesiredState.STOPPED), billing=Billing())
    assert next(list_consequences(instance)).message.endswith("stays and is billed until you terminate n.")


@pytest.mark.parametrize(
    ("desired", "code", "words"),
    [
        (DesiredState.STOPPED, ConsequenceCode.SPOT_REQUEST_STAYS, "Do not cancel it in the EC2 console"),
        (DesiredState.TERMINATED, ConsequenceCode.SPOT_REQUEST_ENDS, "is cancelled first"),
    ],
)
def test_spot_request_is_named_with_what_becomes_of_it(
    desired: DesiredState, code: ConsequenceCode, words: str
) -> None:
    instance = build_requested(Phase.READY, desired)
    assert instance.ec2_instance is not None
    on_spot = replace(instance, ec2_instance=replace(instance.ec2_instance, market=Market.SPOT))
    messages = {each.code: each.message for each in list_consequences(on_spot)}
    assert words in messages[code]
