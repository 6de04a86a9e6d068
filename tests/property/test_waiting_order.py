"""Launches that wait for quotas: together they never get more than is free, and none that fits waits for ever."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.quotas import find_quota_code
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.offers.current_quotas import CurrentQuotas
from chalicelib.domain.offers.quotas import QuotaReading
from chalicelib.domain.offers.waiting_headroom import QuotaOption, WaitingHeadroom, WaitingLaunch, divide_headroom
from chalicelib.store.data_files import load_catalog
from tests.unit.instances.simulation import build_requested_instance, get_time

CODE, SPOT_CODE = "L-DB2E81BA", "L-3819A6DF"
NOW = get_time(0)
TYPES = load_catalog().types
NAMES = ("g4dn.xlarge", "g4dn.2xlarge", "g4dn.12xlarge", "p3.2xlarge")
REGIONS = ("us-east-1", "us-west-2")
TEMPLATE = build_requested_instance()
MACHINE = Ec2Instance(instance_id="i-1", zone="us-east-1a", state=Ec2State.RUNNING, launched_at=NOW)


def build_record(number: int, name: str, *, is_running: bool = False) -> Instance:
    """Return a record of a launch that may wait, or of a running instance."""
    spec = replace(
        TEMPLATE.spec,
        wait_for_quota=True,
        region="us-east-1",
        hardware=replace(TEMPLATE.spec.hardware, instance_type=name, vcpus=TYPES[name].vcpus),
    )
    return replace(
        TEMPLATE,
        id=f"gd-{number:04}",
        created_at=NOW - timedelta(minutes=number % 3),
        spec=spec,
        phase=Phase.READY if is_running else Phase.REQUESTED,
        ec2_instance=MACHINE if is_running else None,
    )


OPTIONS = st.lists(
    st.builds(QuotaOption, st.sampled_from(REGIONS), st.sampled_from(NAMES), st.sampled_from(Market)),
    min_size=1,
    max_size=4,
    unique_by=lambda option: option.key,
)
LIMITS = st.fixed_dictionaries({(region, code): st.integers(0, 60) for region in REGIONS for code in (CODE, SPOT_CODE)})


def build_quotas(limits: dict[tuple[str, str], int], foreign: int, records: list[Instance]) -> dict[str, CurrentQuotas]:
    """Return the quotas of G types. Those of P types are unknown."""
    quotas = {}
    for region in REGIONS:
        known = {code: limits[region, code] for code in (CODE, SPOT_CODE)}
        reading = QuotaReading(
            read_at=NOW, limits=known, use=dict.fromkeys(known, 0), foreign_use=dict.fromkeys(known, foreign)
        )
        quotas[region] = CurrentQuotas(region=region, reading=reading, records=records, types=TYPES, now=NOW)
    return quotas


def get_need(each: WaitingHeadroom) -> int:
    return TYPES[each.option.instance_type].vcpus or 0


@given(
    LIMITS,
    st.integers(0, 20),
    st.lists(st.sampled_from(NAMES), max_size=3),
    st.lists(OPTIONS, max_size=6),
)
def test_waiting_launches_get_at_most_what_is_free_and_the_first_that_fits_gets_it(
    limits: dict[tuple[str, str], int], foreign: int, running: list[str], waiting: list[list[QuotaOption]]
) -> None:
    own = [build_record(number, name, is_running=True) for number, name in enumerate(running)]
    queue = [WaitingLaunch(build_record(100 + number, NAMES[0]), options) for number, options in enumerate(waiting)]
    quotas = build_quotas(limits, foreign, [*own, *(each.instance for each in queue)])
    divided = divide_headroom(queue, quotas)
    left = {}
    for region in REGIONS:
        for market, code in ((Market.ON_DEMAND, CODE), (Market.SPOT, SPOT_CODE)):
            types = [TYPES[record.spec.hardware.instance_type] for record in own]
            used = [item.vcpus or 0 for item in types if find_quota_code(item.name, market) == code]
            is_used = (region, market) == ("us-east-1", Market.ON_DEMAND)
            left[f"{region}/{code}"] = max(0, limits[region, code] - foreign - (sum(used) if is_used else 0))
    for launch in sorted(queue, key=lambda each: (each.instance.created_at, each.instance.id)):
        found = divided[launch.instance.id]
        assert [each.option for each in found] == list(launch.options)
        for each in found:
            is_known = each.option.key in left
            assert each.fits == (get_need(each) <= left[each.option.key] if is_known else None)
        share = next((each for each in found if each.fits), None)
        if share:
            left[share.option.key] -= get_need(share)
    assert all(vcpus >= 0 for vcpus in left.values())
