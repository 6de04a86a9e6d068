"""A launch attempt: the complete RunInstances request, stored before it is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.launch_tries import LaunchOffer, LaunchTry, OffersAboveMaximum
from chalicelib.domain.instances.quota_wait import QuotaWait
from chalicelib.domain.instances.spot import SpotRequestKey


@dataclass(frozen=True, kw_only=True)
class LaunchAttempt:
    """One attempt to launch: the complete request. A retry sends the same request again.

    :param token: ClientToken of RunInstances, a hash of record, attempt, region and zone; with the same token EC2
        launches no second instance: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    :param public_address: whether the subnet gives public IPv4 addresses
    :param snapshot_gib: size of the image, which takes this much of the disk; 0: unknown
    :param price: USD per hour when the offer was chosen; None: unknown
    :param was_avoided: EC2 had refused the offer within the last minutes before it was chosen
    :param sent_at: time of the first call; None until then
    :param last_sent_at: time of the last call; None until then, and in records of former versions
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
    price: Decimal | None = None
    was_avoided: bool = False
    sent_at: datetime | None = None
    last_sent_at: datetime | None = None

    @property
    def last_called_at(self) -> datetime | None:
        """The time of the last call, after which EC2 may show an instance of it only later; None: it was not sent."""
        return self.last_sent_at or self.sent_at

    @property
    def offer(self) -> LaunchOffer:
        """The offer that the attempt tries."""
        return LaunchOffer(
            instance_type=self.instance_type,
            region=self.region,
            zone=self.zone,
            market=self.market,
            price=self.price,
            was_avoided=self.was_avoided,
        )


@dataclass(frozen=True, kw_only=True)
class LaunchState:
    """The progress of a launch.

    :param attempt_count: number of attempts so far; the next attempt gets the next number
    :param tries: the last try of each offer, at most `MAX_TRIES`, among them all of this pass
    :param pass_number: a pass tries each offer at most once
    :param tried_before: offers that earlier passes have tried, at most `MAX_REMEMBERED_OFFERS`; passes begin with the
        other ones, until each offer was tried once
    :param left_out_regions: regions in which AWS accepts no launches of the account; those that still validate it are
        left out in this pass only
    :param next_offer: what is probably tried next; None: unknown, or nothing is left in this pass
    :param above_maximum: the offers that are not tried for their price; None: there are none
    :param offers_in_timeline: offers whose refusal is in the timeline; it is not written again in later passes
    :param retry_at: gpudesk does not call EC2 before this time
    :param started_at: time of the first decision; a launch that EC2 accepted and then ended does not change it
    :param last_error: AWS's last error that can pass, in sentences; None after a lack of capacity
    :param not_found_since: time since which AWS does not know something that the request names
    :param ended_instance_ids: EC2 instances of accepted launches that EC2 ended
    :param uncancelled_requests: spot requests of such instances; nothing is launched before EC2 has cancelled them
    :param quota_wait: None: it has not waited for a quota
    """

    attempt: LaunchAttempt | None = None
    attempt_count: int = 0
    tries: tuple[LaunchTry, ...] = ()
    pass_number: int = 1
    tried_before: tuple[str, ...] = ()
    left_out_regions: tuple[str, ...] = ()
    next_offer: LaunchOffer | None = None
    above_maximum: OffersAboveMaximum | None = None
    offers_in_timeline: tuple[str, ...] = ()
    retry_at: datetime | None = None
    started_at: datetime | None = None
    last_error: str | None = None
    not_found_since: datetime | None = None
    ended_instance_ids: tuple[str, ...] = ()
    uncancelled_requests: tuple[SpotRequestKey, ...] = ()
    quota_wait: QuotaWait | None = None

    @property
    def is_waiting_for_quota(self) -> bool:
        """Return whether the launch waits for a quota, and costs nothing meanwhile."""
        return self.quota_wait is not None and not self.quota_wait.is_over

    @property
    def tries_of_pass(self) -> tuple[LaunchTry, ...]:
        """The tries of this pass only."""
        return tuple(each for each in self.tries if each.pass_number == self.pass_number)
