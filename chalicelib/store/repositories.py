"""The repositories that services and the control loop share."""

from dataclasses import dataclass, field

from chalicelib.store.adoptions import AdoptionRepository
from chalicelib.store.benchmarks import BenchmarkRepository
from chalicelib.store.budget_guards import BudgetGuards
from chalicelib.store.capacity import CapacityRepository
from chalicelib.store.catalog import CatalogRepository
from chalicelib.store.desk import DeskRepository
from chalicelib.store.durations import DurationRepository
from chalicelib.store.foreign_instances import ForeignInstanceRepository
from chalicelib.store.heartbeats import HeartbeatRepository
from chalicelib.store.images.repository import ImageRepository
from chalicelib.store.instances.launches import LaunchRepository
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.ledger import LedgerRepository
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.offers import OfferRepository
from chalicelib.store.owners import OwnerRepository
from chalicelib.store.quota_requests import QuotaRequestRepository
from chalicelib.store.tables import connect_tables
from chalicelib.store.timeline import TimelineRepository
from chalicelib.store.tokens import TokenRepository


@dataclass(frozen=True, kw_only=True)
class Repositories:
    """One repository for each DynamoDB table, or for each kind of item in it."""

    instances: InstanceRepository = field(default_factory=InstanceRepository)
    heartbeats: HeartbeatRepository = field(default_factory=HeartbeatRepository)
    desk: DeskRepository
    owners: OwnerRepository = field(default_factory=OwnerRepository)
    notifications: NotificationOutbox = field(default_factory=NotificationOutbox)
    durations: DurationRepository = field(default_factory=DurationRepository)
    images: ImageRepository = field(default_factory=ImageRepository)
    launches: LaunchRepository = field(default_factory=LaunchRepository)
    budget_guards: BudgetGuards = field(default_factory=BudgetGuards)
    timelines: TimelineRepository = field(default_factory=TimelineRepository)
    ledger: LedgerRepository = field(default_factory=LedgerRepository)
    benchmarks: BenchmarkRepository = field(default_factory=BenchmarkRepository)
    offers: OfferRepository = field(default_factory=OfferRepository)
    capacity: CapacityRepository = field(default_factory=CapacityRepository)
    quota_requests: QuotaRequestRepository = field(default_factory=QuotaRequestRepository)
    foreign_instances: ForeignInstanceRepository = field(default_factory=ForeignInstanceRepository)
    adoptions: AdoptionRepository = field(default_factory=AdoptionRepository)
    catalog: CatalogRepository = field(default_factory=CatalogRepository)
    tokens: TokenRepository = field(default_factory=TokenRepository)


def build_repositories(home_region: str, table_prefix: str) -> Repositories:
    """Return repositories that use the tables of a deployment. A process uses those of one deployment at a time."""
    connect_tables(home_region, table_prefix)
    return Repositories(desk=DeskRepository(home_region))
