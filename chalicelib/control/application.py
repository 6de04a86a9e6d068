"""The application as the entry points see it. `bootstrap.py` builds it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from chalicelib.control.loop.budget_watch import BudgetWatch
from chalicelib.control.loop.follow_quota_requests import QuotaRequestFollower
from chalicelib.control.loop.interruptions import InterruptionHandler
from chalicelib.control.loop.list_foreign_instances import ForeignInstanceLister
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.refresh_catalog import CatalogRefresher
from chalicelib.control.loop.refresh_offers import OfferRefresher
from chalicelib.control.loop.sweep import Sweep
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.control.loop.tag_adopted_instances import AdoptionTagger
from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.catalog_updates import CatalogUpdates
from chalicelib.control.services.costs import CostService
from chalicelib.control.services.desk import DeskService
from chalicelib.control.services.foreign import ForeignInstanceService
from chalicelib.control.services.images import ImageService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.launch import LaunchService
from chalicelib.control.services.moves import MoveService
from chalicelib.control.services.offers import OfferService
from chalicelib.control.services.owners import OwnerService
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.quota_requests import QuotaRequestService
from chalicelib.control.services.sessions import SessionService
from chalicelib.control.services.setup import SetupService
from chalicelib.control.services.start import StartService
from chalicelib.domain.catalog.reading import CatalogReading
from chalicelib.domain.common.clock import Clock
from chalicelib.settings import Settings
from chalicelib.store.connections import limit_request_time
from chalicelib.store.dynamo import is_overload
from chalicelib.store.tokens import TokenRepository
from chalicelib.store.unreadable_item import UnreadableItem


@dataclass(frozen=True, kw_only=True)
class Application:
    """Everything that the entry points use: a service for each capability, and the parts of the control loop.

    :param instances: changes of instances: stop, start, keep, terminate, update
    :param starts: starts with a wait for capacity, or in another size
    :param queries: reads of instances and health
    :param setup: setups that are run again or added
    :param desk: the desk settings, the recipes and the catalog
    :param foreign: GPU instances that gpudesk does not manage, and their adoptions
    :param catalog_updates: finds a catalog that is newer than that of this application
    :param rebuild: returns the same application with the catalog of a reading
    """

    clock: Clock
    settings: Settings
    tokens: TokenRepository
    launches: LaunchService
    instances: InstanceService
    queries: QueryService
    costs: CostService
    sessions: SessionService
    starts: StartService
    moves: MoveService
    setup: SetupService
    images: ImageService
    desk: DeskService
    owners: OwnerService
    benchmarks: BenchmarkService
    offers: OfferService
    reconciler: Reconciler
    image_reconciler: ImageReconciler
    sweep: Sweep
    notifications: NotificationSender
    interruptions: InterruptionHandler
    sweep_watchdog: SweepWatchdog
    offer_refresher: OfferRefresher
    budget_watch: BudgetWatch
    quota_requests: QuotaRequestService
    quota_request_follower: QuotaRequestFollower
    foreign: ForeignInstanceService
    foreign_instance_lister: ForeignInstanceLister
    adoption_tagger: AdoptionTagger
    catalog_refresher: CatalogRefresher
    catalog_updates: CatalogUpdates
    rebuild: "Callable[[CatalogReading], Application]"

    def limit_request_time(self, seconds: float) -> AbstractContextManager[None]:
        """Return the context in which a request is answered: DynamoDB gets short timeouts and a deadline.

        :param seconds: the time until the deadline
        """
        return limit_request_time(seconds)

    def is_overload(self, error: BaseException) -> bool:
        """Return whether a request failed because DynamoDB was throttled or did not respond in time.

        The same request may succeed a moment later.
        """
        return is_overload(error)

    def find_unreadable_id(self, error: BaseException) -> str | None:
        """Return the id of the record that a request failed to read; None: it failed for another reason."""
        return error.item_id if isinstance(error, UnreadableItem) else None
