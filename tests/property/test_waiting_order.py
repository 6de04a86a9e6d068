"""Launches that wait for a quota: together they never get more than is free, and none that fits waits for ever."""

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
from chalicelib.domain.offers.waiting_headroom import find_waiting_headroom
from chalicelib.store.data_files import load_catalog
from tests.unit.instances.simulation import build_requested_instance, get_time

CODE = "L-DB2E81BA"
NOW = get_time(0)
TYPES = load_catalog().types
NAMES = ("g4dn.xlarge", "g4dn.2xlarge", "g4dn.12xlarge", "p3.2xlarge")
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


def count(records: list[Instance]) -> int:
    """Return the vCPUs of the quota of G types."""
    types = [TYPES[record.spec.hardware.instance_type] for record in records]
    return sum(item.vcpus or 0 for item in types if find_quota_code(item.name, Market.ON_DEMAND) == CODE)


@given(
    st.integers(0, 100),
    st.integers(0, 20),
    st.lists(st.sampled_from(NAMES), max_size=3),
    st.lists(st.sampled_from(NAMES), max_size=6),
)
def test_waiting_launches_get_at_most_what_is_free_and_the_first_that_fits_gets_it(
    limit: int, foreign: int, running: list[str], waiting: list[str]
) -> None:
    own = [build_record(number, name, is_running=True) for number, name in enumerate(running)]
    queue = [build_record(100 + number, name) for number, name in enumerate(waiting)]
    reading = QuotaReading(read_at=NOW, limits={CODE: limit}, use={CODE: 0}, foreign_use={CODE: foreign})
    quotas = CurrentQuotas(region="us-east-1", reading=reading, records=[*own, *queue], types=TYPES, now=NOW)
    found = [(record, find_waiting_headroom(record, quotas).fits) for record in queue]
    fitting = [record for record, fits in found if fits]
    free = limit - foreign - count(own)
    assert count(fitting) <= max(0, free)
    for record, fits in found:
        is_g = find_quota_code(record.spec.hardware.instance_type, Market.ON_DEMAND) == CODE
        assert (fits is None) is not is_g
        if fits is False:
            earlier = [each for each in fitting if (each.created_at, each.id) < (record.created_at, record.id)]
            assert count([record]) > max(0, free) - count(earlier)
