"""Group records by region, and read what AWS and the heartbeats show of all instances of a region, in few calls."""

from collections.abc import Iterable, Mapping, Sequence

from chalicelib.control.loop.instance_index import select_observed
from chalicelib.control.loop.observe_instance import (
    EventsByEc2Id,
    Observer,
    RegionSnapshot,
    expects_heartbeat,
    requires_agent,
)
from chalicelib.control.loop.quota_source import QuotasByLaunch
from chalicelib.domain.instances.observation import Unavailable
from chalicelib.domain.instances.record import Instance
from chalicelib.store.heartbeats import HeartbeatItem, HeartbeatRepository
from chalicelib.store.instances.repository import UnreadableRecord


def group_by_region(
    records: Iterable[Instance | UnreadableRecord], deployed_regions: Iterable[str]
) -> dict[str, list[Instance]]:
    """Return the readable records by region. Every deployed region is included, because orphans can be there."""
    by_region: dict[str, list[Instance]] = {region: [] for region in deployed_regions}
    for record in records:
        if not isinstance(record, UnreadableRecord):
            by_region.setdefault(record.spec.region, []).append(record)
    return by_region


def read_region(
    observer: Observer,
    heartbeats: HeartbeatRepository,
    region: str,
    instances: Sequence[Instance],
    quotas: QuotasByLaunch,
) -> RegionSnapshot:
    """Return the observations of all instances of a region.

    gpudesk makes no more calls in a region whose EC2 does not respond: each one could take its whole timeout.

    :param quotas: those that launches of all regions may wait for
    """
    observed = observer.list_instances(region)
    read = _read_heartbeats(observer, heartbeats, instances)
    if isinstance(observed, Unavailable):
        return RegionSnapshot(observed, observed, read, observed)
    booting = [instance for instance in instances if requires_agent(instance, select_observed(instance, observed))]
    return RegionSnapshot(
        observed,
        observer.list_agents(region, booting),
        read,
        _read_events(observer, region, instances),
        quotas,
    )


def _read_events(observer: Observer, region: str, instances: Sequence[Instance]) -> EventsByEc2Id:
    """Return the scheduled events of a region. Without a launched instance, EC2 is not called."""
    is_launched = any(instance.ec2_instance for instance in instances)
    return observer.list_scheduled_events(region) if is_launched else {}


def _read_heartbeats(
    observer: Observer, heartbeats: HeartbeatRepository, instances: Iterable[Instance]
) -> Mapping[str, HeartbeatItem]:
    keys = [observer.get_heartbeat_key(instance) for instance in instances if expects_heartbeat(instance)]
    return heartbeats.get_many({key for key in keys if key})
