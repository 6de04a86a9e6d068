"""Build the application, and keep the one of this process. Only this module and `wiring` decide what uses what."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from chalicelib.aws.clients import ClientSets, build_client_sets
from chalicelib.control.application import Application
from chalicelib.domain.catalog.reading import CatalogReading
from chalicelib.domain.common.clock import Clock, SystemClock
from chalicelib.domain.common.deadlines import CATALOG_CHECKED_AFTER
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.settings import Settings, read_settings
from chalicelib.store.data_files import load_packaged_recipes
from chalicelib.wiring import loop, scheduled_tasks, services
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
    budgets = services.build_budget_service(parts)
    instances = services.build_instance_service(parts, budgets)
    queries = services.build_query_service(parts)
    reconciler, image_reconciler = loop.build_reconciler(parts), loop.build_image_reconciler(parts)
    notifications = loop.build_notification_sender(parts)
    return Application(
        clock=clock,
        settings=settings,
        tokens=parts.stores.tokens,
        launches=services.build_launch_service(parts, budgets),
        instances=instances,
        queries=queries,
        costs=services.build_cost_service(parts),
        sessions=services.build_session_service(parts, instances),
        starts=services.build_start_service(parts, instances),
        moves=services.build_move_service(parts, instances),
        setup=services.build_setup_service(parts, instances),
        images=services.build_image_service(parts, queries),
        desk=services.build_desk_service(parts),
        owners=services.build_owner_service(parts),
        benchmarks=services.build_benchmark_service(parts, instances),
        offers=services.build_offer_service(parts),
        quota_requests=services.build_quota_request_service(parts),
        foreign=services.build_foreign_instance_service(parts),
        reconciler=reconciler,
        image_reconciler=image_reconciler,
        sweep=loop.build_sweep(parts, reconciler, image_reconciler),
        notifications=notifications,
        interruptions=loop.build_interruption_handler(reconciler, notifications),
        sweep_watchdog=loop.build_sweep_watchdog(parts, notifications),
        budget_watch=scheduled_tasks.build_budget_watch(parts),
        offer_refresher=scheduled_tasks.build_offer_refresher(parts),
        quota_request_follower=scheduled_tasks.build_quota_request_follower(parts),
        foreign_instance_lister=scheduled_tasks.build_foreign_instance_lister(parts),
        adoption_tagger=scheduled_tasks.build_adoption_tagger(parts),
        catalog_refresher=scheduled_tasks.build_catalog_refresher(parts),
        catalog_updates=services.build_catalog_updates(parts),
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
