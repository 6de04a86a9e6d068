"""Build the application and hold that of this process. Only this module and `wiring` decide what uses what."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from chalicelib.aws.clients import ClientSets, build_client_sets
from chalicelib.control.application import Application
from chalicelib.control.loop.budget_watch import BudgetWatch
from chalicelib.control.loop.interruptions import InterruptionHandler
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.budgets import BudgetService
from chalicelib.control.services.catalog_updates import CatalogUpdates
from chalicelib.control.services.costs import CostService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.quota_requests import QuotaRequestService
from chalicelib.control.services.setup import SetupService
from chalicelib.domain.catalog.reading import CatalogReading
from chalicelib.domain.common.clock import Clock, SystemClock
from chalicelib.domain.common.deadlines import CATALOG_CHECKED_AFTER
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.settings import Settings, read_settings
from chalicelib.store.data_files import load_packaged_recipes
from chalicelib.wiring import loop, services
from chalicelib.wiring.parts import build_parts

LOG = logging.getLogger(__name__)


def build_application(
    clock: Clock,
    settings: Settings,
    recipe_overrides: Mapping[str, Recipe] | None = None,
    clients: ClientSets | None = None,
    reading: CatalogReading | None = None,
) -> Application:
    """Build an application that uses the AWS account of the SDK's environment variables.

    :param recipe_overrides: used instead of the recipes that are packaged with the code
    :param clients: None: new clients with the timeouts of `aws/clients.py`
    :param reading: what the refresh has read; None: the catalog is the packaged one
    """
    reading, clients = reading or CatalogReading(), clients or build_client_sets()
    parts = build_parts(clock, settings, recipe_overrides or load_packaged_recipes(), clients, reading)
    stores, catalog = parts.stores, parts.catalog
    budgets = BudgetService(stores=stores, clock=clock)
    instances = InstanceService(stores=stores, clock=clock, budgets=budgets)
    queries = QueryService(stores=stores, clock=clock, instance_role_id=settings.instance_role_id)
    reconciler, image_reconciler = loop.build_reconciler(parts), loop.build_image_reconciler(parts)
    notifications = loop.build_notification_sender(parts)
    return Application(
        clock=clock,
        settings=settings,
        tokens=stores.tokens,
        launches=services.build_launch_service(parts, budgets),
        instances=instances,
        queries=queries,
        costs=CostService(stores=stores, clock=clock),
        sessions=services.build_session_service(parts, instances),
        starts=services.build_start_service(parts, instances),
        moves=services.build_move_service(parts, instances),
        setup=SetupService(instances=instances, catalog=catalog, recipes=parts.recipes),
        images=services.build_image_service(parts, queries),
        desk=services.build_desk_service(parts),
        owners=services.build_owner_service(parts),
        benchmarks=BenchmarkService(stores=stores, instances=instances, catalog=catalog),
        offers=services.build_offer_service(parts),
        quota_requests=QuotaRequestService(stores=stores, regions=settings.deployed_regions, clock=clock),
        foreign=services.build_foreign_instance_service(parts),
        reconciler=reconciler,
        image_reconciler=image_reconciler,
        sweep=loop.build_sweep(parts, reconciler, image_reconciler),
        notifications=notifications,
        interruptions=InterruptionHandler(reconciler, notifications),
        sweep_watchdog=SweepWatchdog(stores, notifications, clock),
        budget_watch=BudgetWatch(stores, clock),
        offer_refresher=loop.build_offer_refresher(parts),
        quota_request_follower=loop.build_quota_request_follower(parts),
        foreign_instance_lister=loop.build_foreign_instance_lister(parts),
        adoption_tagger=loop.build_adoption_tagger(parts),
        catalog_refresher=loop.build_catalog_refresher(parts),
        catalog_updates=CatalogUpdates(stores.catalog, clock, reading),
        rebuild=partial(build_application, clock, settings, recipe_overrides, clients),
    )


_application: list[Application] = []


def set_application(application: Application | None) -> None:
    """Use this application from now on.

    :param application: None: `get_application` builds another one from the environment
    """
    _application[:] = [application] if application else []


def get_application() -> Application:
    """Return the application of this process. It is built at the first call, so that importing stays cheap."""
    if not _application:
        set_application(build_application(SystemClock(), read_settings()))
    return _application[0]


def get_current_application(max_age: timedelta = CATALOG_CHECKED_AFTER) -> Application:
    """Return the application of this process with the catalog of the last refresh.

    An application never changes its catalog: what begins with one ends with it. A newer catalog is that of the next
    request or event.

    :param max_age: how old the last read of the stored catalog may be
    """
    application = get_application()
    reading = application.catalog_updates.find_new(max_age)
    if reading is None:
        return application
    try:
        set_application(application.rebuild(reading))
    except Exception:
        LOG.exception("The refreshed catalog cannot be used. The last one stays.")
    return get_application()
