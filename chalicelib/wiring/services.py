"""Build the services that the API calls."""

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.instance_connect import InstanceConnect
from chalicelib.aws.session_manager import SessionManager
from chalicelib.aws.sts import Sts
from chalicelib.aws.tags import build_permission_tag
from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.budgets import BudgetService
from chalicelib.control.services.catalog_updates import CatalogUpdates
from chalicelib.control.services.costs import CostService
from chalicelib.control.services.desk import DeskService
from chalicelib.control.services.foreign import ForeignInstanceService
from chalicelib.control.services.images import ImageService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.launch import LaunchService
from chalicelib.control.services.launch_preparation import LaunchPreparer
from chalicelib.control.services.launch_quota import LaunchQuotaCheck
from chalicelib.control.services.moves import MoveService
from chalicelib.control.services.offers import OfferService
from chalicelib.control.services.owners import OwnerService
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.quota_requests import QuotaRequestService
from chalicelib.control.services.session_opener import SessionOpener
from chalicelib.control.services.sessions import SessionService
from chalicelib.control.services.setup import SetupService
from chalicelib.control.services.start import StartService
from chalicelib.store.data_files import load_time_zones, load_word_lists
from chalicelib.wiring.parts import Parts, build_size_finder


def build_budget_service(parts: Parts) -> BudgetService:
    """Return the service of budgets."""
    return BudgetService(stores=parts.stores, clock=parts.clock)


def build_instance_service(parts: Parts, budgets: BudgetService) -> InstanceService:
    """Return the service of changes of instances."""
    return InstanceService(stores=parts.stores, clock=parts.clock, budgets=budgets)


def build_query_service(parts: Parts) -> QueryService:
    """Return the service of reads of instances and health."""
    return QueryService(stores=parts.stores, clock=parts.clock, instance_role_id=parts.settings.instance_role_id)


def build_cost_service(parts: Parts) -> CostService:
    """Return the service of costs."""
    return CostService(stores=parts.stores, clock=parts.clock)


def build_launch_service(parts: Parts, budgets: BudgetService) -> LaunchService:
    """Return the service of launches."""
    return LaunchService(
        stores=parts.stores,
        preparer=LaunchPreparer(
            stores=parts.stores,
            catalog=parts.catalog,
            recipes=parts.recipes,
            regions=parts.settings.deployed_regions,
            clock=parts.clock,
        ),
        words=load_word_lists(),
        clock=parts.clock,
        budgets=budgets,
        quota_check=LaunchQuotaCheck(
            stores=parts.stores,
            catalog=parts.catalog,
            recipes=parts.recipes,
            regions=parts.settings.deployed_regions,
            clock=parts.clock,
        ),
    )


def build_start_service(parts: Parts, instances: InstanceService) -> StartService:
    """Return the service of starts with `wait_until` or another type."""
    return StartService(
        instances=instances,
        sizes=build_size_finder(parts),
        catalog=parts.catalog,
    )


def build_move_service(parts: Parts, instances: InstanceService) -> MoveService:
    """Return the service of moves."""
    regions = parts.settings.deployed_regions
    return MoveService(instances=instances, sizes=build_size_finder(parts), regions=regions)


def build_setup_service(parts: Parts, instances: InstanceService) -> SetupService:
    """Return the service of setups that are run again or added."""
    return SetupService(instances=instances, catalog=parts.catalog, recipes=parts.recipes)


def build_benchmark_service(parts: Parts, instances: InstanceService) -> BenchmarkService:
    """Return the service of benchmarks."""
    return BenchmarkService(stores=parts.stores, instances=instances, catalog=parts.catalog)


def build_image_service(parts: Parts, queries: QueryService) -> ImageService:
    """Return the service of images."""
    return ImageService(
        stores=parts.stores, queries=queries, catalog=parts.catalog, recipes=parts.recipes, clock=parts.clock
    )


def build_session_service(parts: Parts, instances: InstanceService) -> SessionService:
    """Return the service of sessions. A person waits for its calls to AWS."""
    clients = parts.clients.session
    opener = SessionOpener(
        ec2=Ec2(clients, parts.settings.stage),
        sts=Sts(clients, parts.settings.home_region),
        session_manager=SessionManager(clients),
        instance_connect=InstanceConnect(clients),
        role=parts.settings.session_role,
        stage=parts.settings.stage,
    )
    return SessionService(stores=parts.stores, instances=instances, opener=opener, recipes=parts.recipes)


def build_desk_service(parts: Parts) -> DeskService:
    """Return the service of the desk settings."""
    return DeskService(
        stores=parts.stores,
        regions=parts.settings.deployed_regions,
        log_group=parts.settings.instance_log_group,
        catalog=parts.catalog,
        recipes=parts.recipes,
        get_webhook_secret=parts.get_webhook_secret_in_request,
        allow_private_webhooks=parts.settings.allow_private_webhooks,
        clock=parts.clock,
    )


def build_owner_service(parts: Parts) -> OwnerService:
    """Return the service of the settings of owners."""
    return OwnerService(
        stores=parts.stores,
        get_webhook_secret=parts.get_webhook_secret_in_request,
        allow_private_webhooks=parts.settings.allow_private_webhooks,
        clock=parts.clock,
    )


def build_offer_service(parts: Parts) -> OfferService:
    """Return the service of offers, quotas and regions."""
    return OfferService(
        stores=parts.stores,
        catalog=parts.catalog,
        recipes=parts.recipes,
        regions=parts.settings.deployed_regions,
        home_region=parts.settings.home_region,
        find_time_zone=lambda name: load_time_zones().get(name),
        clock=parts.clock,
        opt_ins=parts.reading.opt_ins,
    )


def build_quota_request_service(parts: Parts) -> QuotaRequestService:
    """Return the service of requests to increase quotas."""
    return QuotaRequestService(stores=parts.stores, regions=parts.settings.deployed_regions, clock=parts.clock)


def build_catalog_updates(parts: Parts) -> CatalogUpdates:
    """Return the search for a catalog that is newer than that of the application."""
    return CatalogUpdates(parts.stores.catalog, parts.clock, parts.reading)


def build_foreign_instance_service(parts: Parts) -> ForeignInstanceService:
    """Return the service of the GPU instances that gpudesk does not manage."""
    return ForeignInstanceService(
        stores=parts.stores,
        catalog=parts.catalog,
        regions=parts.settings.deployed_regions,
        permission_tag=build_permission_tag(parts.settings.stage),
        clock=parts.clock,
    )
