"""A started instance is billed at the prices of its start."""

from dataclasses import replace
from decimal import Decimal

import pytest

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.hardware import find_rates
from chalicelib.domain.instances.lifecycle.start_price import update_rates_at_start
from chalicelib.domain.instances.record import Instance
from chalicelib.store.data_files import load_catalog
from tests.support.ready_instance import START, build_ready_instance

CATALOG = load_catalog()
OLD = Rates(instance=Decimal(9), disk=Decimal("0.9"), address=Decimal("0.09"))
PRESENT = find_rates("g4dn.xlarge", "us-east-1", 64, CATALOG)
BEFORE = replace(build_ready_instance(), billing=Billing(rates=OLD))


def claim(instance: Instance, action: ClaimAction) -> Instance:
    reason = EventReason(code=EventCode.START_REQUESTED, message="ada requested it.")
    return replace(instance, claim=Claim(action=action, claimed_at=START, reason=reason))


@pytest.mark.parametrize(("action", "rates"), [(ClaimAction.START, PRESENT), (ClaimAction.STOP, OLD)])
def test_only_a_start_takes_the_present_prices(action: ClaimAction, rates: Rates) -> None:
    claimed = claim(BEFORE, action)
    assert update_rates_at_start(BEFORE, claimed, CATALOG).billing.rates == rates
    assert update_rates_at_start(claimed, claimed, CATALOG).billing.rates == OLD


def test_start_gives_disks_of_another_kind_than_gp3_no_price() -> None:
    adopted = replace(BEFORE, spec=replace(BEFORE.spec, has_priced_disks=False))
    before = replace(adopted, billing=Billing(rates=replace(OLD, disk=None)))
    assert update_rates_at_start(before, claim(before, ClaimAction.START), CATALOG).billing.rates.disk is None


def test_spot_price_and_a_price_that_is_no_longer_known_stay() -> None:
    spot = replace(BEFORE, spec=replace(BEFORE.spec, market=Market.SPOT))
    assert update_rates_at_start(spot, claim(spot, ClaimAction.START), CATALOG).billing.rates == OLD
    hardware = replace(BEFORE.spec.hardware, instance_type="x9.huge")
    unknown = replace(BEFORE, spec=replace(BEFORE.spec, hardware=hardware, disk_gib=None))
    rates = update_rates_at_start(unknown, claim(unknown, ClaimAction.START), CATALOG).billing.rates
    assert (rates.instance, rates.disk) == (OLD.instance, OLD.disk)
