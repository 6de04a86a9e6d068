"""Finding the EC2 instances of all records of a region takes time in proportion to their number."""

from dataclasses import replace
from typing import Any

from chalicelib.control.loop.instance_index import build_instance_index, select_observed
from chalicelib.domain.instances.observation import ObservedInstance
from tests.support.ready_instance import EC2_RUNNING, build_ready_instance

READS: list[str] = []


class CountedInstance(ObservedInstance):
    """An EC2 instance that counts how often its attributes are read."""

    def __getattribute__(self, name: str) -> Any:
        READS.append(name)
        return super().__getattribute__(name)


def test_each_ec2_instance_is_looked_at_a_few_times_only() -> None:
    count = 300
    ec2 = [CountedInstance(**vars(replace(EC2_RUNNING, tag_id=f"gd-{number}"))) for number in range(count)]
    records = [replace(build_ready_instance(), id=f"gd-{number}") for number in range(count)]
    READS.clear()
    index = build_instance_index(ec2)
    found = [select_observed(record, index) for record in records]
    assert len(READS) <= 5 * count
    assert [instance.tag_id for instance in found if isinstance(instance, ObservedInstance)] == [r.id for r in records]
