"""A launch attempt: the complete RunInstances request, stored before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.quota_wait import QuotaWait


@dataclass(frozen=True, kw_only=True)
class LaunchAttempt:
    """One attempt to launch: the complete request. A retry sends the same request again.

    :param token: ClientToken of RunInstances, a hash of record, attempt, region and zone; with the same token EC2
        launches no second instance: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    :param public_address: whether the subnet gives public IPv4 addresses
    :param snapshot_gib: size of the image, which takes this much of the disk; 0: unknown
    :param sent_at: time of the first call; None until then
    """

    number: int
    token: str
    region: str
    zone: str
    subnet_id: str
    security_group_id: str
    image_id: str
    root_device: str
    disk_gib: int
    instance_type: str
    instance_profile: str
    public_address: bool
    tags: Mapping[str, str]
    market: Market = Market.ON_DEMAND
    metadata_hop_limit: int = 1
    snapshot_gib: int = 0
    sent_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LaunchState:
    """The progress of a launch.

    :param attempt_count: number of attempts so far; the next attempt gets the next number
    :param zones_without_capacity: zones that had no capacity since the last retry of all zones
    :param zones_in_timeline: zones whose lack of capacity is in the timeline; it is not written again in later rounds
    :param retry_at: gpudesk does not call EC2 before this time
    :param started_at: time of the first decision; a launch that EC2 accepted and then ended does not change it
    :param last_error: AWS's last error that can pass, in sentences; None after a lack of capacity
    :param not_found_since: time since which AWS does not know something that the request names
    :param ended_instance_ids: EC2 instances of accepted launches that EC2 ended
    :param quota_wait: None: it has not waited for a quota
    """

    attempt: LaunchAttempt | None = None
    attempt_count: int = 0
    zones_without_capacity: tuple[str, ...] = ()
    zones_in_timeline: tuple[str, ...] = ()
    retry_at: datetime | None = None
    started_at: datetime | None = None
    last_error: str | None = None
    not_found_since: datetime | None = None
    ended_instance_ids: tuple[str, ...] = ()
    quota_wait: QuotaWait | None = None
