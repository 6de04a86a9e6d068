"""The EC2 instances of one region by their tag, so that a sweep finds that of each record without a scan."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.instances.ec2_instance import ENDED_STATES
from chalicelib.domain.instances.observation import NotVisible, ObservedInstance, Unavailable
from chalicelib.domain.instances.record import Instance


@dataclass(frozen=True)
class InstanceIndex:
    """EC2 instances by the value of their tag `gpudesk:id`. A tag can be on several, because people copy tags."""

    by_tag_id: Mapping[str, Sequence[ObservedInstance]]

    def __iter__(self) -> Iterator[ObservedInstance]:
        """Iterate over all instances."""
        return (instance for instances in self.by_tag_id.values() for instance in instances)


ObservedInstances = InstanceIndex | Unavailable


def build_instance_index(instances: Iterable[ObservedInstance]) -> InstanceIndex:
    """Return the index of these instances."""
    by_tag_id: defaultdict[str, list[ObservedInstance]] = defaultdict(list)
    for instance in instances:
        by_tag_id[instance.tag_id].append(instance)
    return InstanceIndex(dict(by_tag_id))


def select_observed(instance: Instance, observed: ObservedInstances) -> ObservedInstance | NotVisible | Unavailable:
    """Return the EC2 instance of a record from all that were observed.

    A record has no EC2 id before the response to its launch is recorded. Then the oldest EC2 instance with its tag is
    returned, preferably one that is not terminating. An instance whose launch EC2 ended counts no more.
    """
    if isinstance(observed, Unavailable):
        return observed
    ended_ids = instance.launch.ended_instance_ids
    candidates = [ec2 for ec2 in observed.by_tag_id.get(instance.tag_id, ()) if ec2.instance_id not in ended_ids]
    if instance.ec2_instance:
        ec2_id = instance.ec2_instance.instance_id
        return next((ec2 for ec2 in candidates if ec2.instance_id == ec2_id), NotVisible())
    alive = [ec2 for ec2 in candidates if ec2.state not in ENDED_STATES]
    return min(alive or candidates, key=lambda ec2: ec2.launched_at, default=NotVisible())
