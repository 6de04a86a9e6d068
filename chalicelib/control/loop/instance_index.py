"""The EC2 instances of one region by their tag, so that a sweep finds that of each record without a scan."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.domain.instances.observation import ObservedInstance


@dataclass(frozen=True)
class InstanceIndex:
    """EC2 instances by the value of their tag `gpudesk:id`. A tag can be on several, because people copy tags."""

    by_tag_id: Mapping[str, Sequence[ObservedInstance]]

    def __iter__(self) -> Iterator[ObservedInstance]:
        """Iterate over all instances."""
        return (instance for instances in self.by_tag_id.values() for instance in instances)


def build_instance_index(instances: Iterable[ObservedInstance]) -> InstanceIndex:
    """Return the index of these instances."""
    by_tag_id: defaultdict[str, list[ObservedInstance]] = defaultdict(list)
    for instance in instances:
        by_tag_id[instance.tag_id].append(instance)
    return InstanceIndex(dict(by_tag_id))
