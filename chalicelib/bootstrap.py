"""Build the application from its parts. Only this module and `parts` decide which object uses which."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from chalicelib.aws.adoption import AdoptionCalls
from chalicelib.aws.ami import Amis
from chalicelib.aws.catalog import CatalogSource
from chalicelib.aws.clients import ClientSets, build_client_sets
from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.email import EmailTopic
from chalicelib.aws.foreign_instances import ForeignInstances
from chalicelib.aws.instance_connect import InstanceConnect
from chalicelib.aws.launch_prerequisites import LaunchPrerequisites, NetworkSettings
from chalicelib.aws.move_images import MoveImages
from chalicelib.aws.offerings import Offerings
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.session_manager import SessionManager
from chalicelib.aws.spot_requests import SpotRequests
from chalicelib.aws.sts import Sts
from chalicelib.aws.tags import build_permission_tag
from chalicelib.aws.volumes import Volumes
from chalicelib.channels.webhook import WebhookSender
from chalicelib.control.application import Application
from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.budget_watch import BudgetWatch
from chalicelib.control.loop.choose_offer import OfferSelector
from chalicelib.control.loop.execute_step import Executor
from chalicelib.control.loop.follow_quota_requests import QuotaRequestFollower
from chalicelib.control.loop.interruptions import InterruptionHandler
from chalicelib.control.loop.list_foreign_instances import ForeignInstanceLister
from chalicelib.control.loop.mover import Mover
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.observe_image import ImageObserver
from chalicelib.control.loop.observe_instance import Observer
from chalicelib.control.loop.quota_source import QuotaSource
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.refresh_catalog import CatalogRefresher
from chalicelib.control.loop.refresh_offers import OfferRefresher
from chalicelib.control.loop.resolve_launch import LaunchResolver
from chalicelib.control.loop.sweep import Sweep
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.control.loop.tag_adopted_instances import AdoptionTagger
from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.budgets import BudgetService
from chalicelib.control.services.catalog_updates import CatalogUpdates
from chalicelib.control.services.costs import CostService
from chalicelib.control.services.desk import DeskService
from chalicelib.control.services.foreign import ForeignInstanceService
from chalicelib.control.services.images import ImageService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.launch import LaunchService
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
from chalicelib.control.services.start_quota import StartQuotaCheck
from chalicelib.control.size_finder import SizeFinder
from chalicelib.control.start_outlooks import StartOutlooks
from chalicelib.domain.catalog.reading import CatalogReading
from chalicelib.domain.common.clock import Clock, SystemClock
from chalicelib.domain.common.deadlines import CATALOG_CHECKED_AFTER
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.parts import Parts, build_get_webhook_secret, build_parts
from chalicelib.settings import Settings, read_settings
from chalicelib.store.data_files import load_catalog_document, load_packaged_recipes, load_time_zones, load_word_lists

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
    stores, catalog, recipes = parts.stores, parts.catalog, parts.recipes
    budgets = BudgetService(stores=stores, clock=clock)
    instances = InstanceService(stores=stores, clock=clock, budgets=budgets)
    queries = QueryService(stores=stores, clock=clock, instance_role_id=settings.instance_role_id)
    reconciler, image_reconciler = _build_reconciler(parts), _build_image_reconciler(parts)
    notifications = _build_notification_sender(parts)
    return Application(
        clock=clock,
        settings=settings,
        tokens=stores.tokens,
        launches=LaunchService(
            stores=stores,
            catalog=catalog,
            recipes=recipes,
            words=load_word_lists(),
            regions=settings.deployed_regions,
            clock=clock,
            budgets=budgets,
            quota_check=LaunchQuotaCheck(
                stores=stores,
                catalog=catalog,
                recipes=recipes,
                regions=settings.deployed_regions,
                clock=clock,
            ),
        ),
        instances=instances,
        queries=queries,
        costs=CostService(stores=stores, clock=clock),
        sessions=_build_session_service(parts, instances),
        starts=StartService(
            instances=instances,
            sizes=SizeFinder(stores, catalog, recipes, clock),
            quota_check=StartQuotaCheck(stores),
            catalog=catalog,
        ),
        moves=MoveService(
            instances=instances,
            sizes=SizeFinder(stores, catalog, recipes, clock),
            regions=settings.deployed_regions,
        ),
        setup=SetupService(instances=instances, catalog=catalog, recipes=recipes),
        images=ImageService(stores=stores, queries=queries, catalog=catalog, recipes=recipes, clock=clock),
        desk=_build_desk_service(parts),
        owners=_build_owner_service(parts),
        benchmarks=BenchmarkService(stores=stores, instances=instances, catalog=catalog),
        offers=_build_offer_service(parts),
        reconciler=reconciler,
        image_reconciler=image_reconciler,
        sweep=_build_sweep(parts, reconciler, image_reconciler),
        notifications=notifications,
        interruptions=InterruptionHandler(reconciler, notifications),
        sweep_watchdog=SweepWatchdog(stores, notifications, clock),
        offer_refresher=_build_offer_refresher(parts),
        budget_watch=BudgetWatch(stores, clock),
        quota_requests=QuotaRequestService(stores=stores, regions=settings.deployed_regions, clock=clock),
        quota_request_follower=_build_quota_request_follower(parts),
        foreign=ForeignInstanceService(
            stores=stores,
            catalog=catalog,
            regions=settings.deployed_regions,
            permission_tag=build_permission_tag(settings.stage),
            clock=clock,
        ),
        foreign_instance_lister=_build_foreign_instance_lister(parts),
        adoption_tagger=AdoptionTagger(stores, AdoptionCalls(parts.clients.loop, settings.stage), clock),
        catalog_refresher=_build_catalog_refresher(parts),
        catalog_updates=CatalogUpdates(stores.catalog, clock, reading),
        rebuild=partial(build_application, clock, settings, recipe_overrides, clients),
    )


def _build_reconciler(parts: Parts) -> Reconciler:
    settings, quotas = parts.settings, QuotaSource(parts.stores, parts.catalog, parts.clock)
    spot_requests = SpotRequests(parts.clients.loop, settings.stage)
    mover = Mover(MoveImages(parts.clients.loop, settings.stage), parts.ec2, spot_requests)
    observer = Observer(
        parts.ec2, parts.ssm, parts.stores.heartbeats, settings.instance_role_id, mover, spot_requests, quotas
    )
    prerequisites = _build_prerequisites(parts)
    selector = OfferSelector(
        offers=parts.stores.offers,
        desk=parts.stores.desk,
        catalog=parts.catalog,
        recipes=parts.recipes,
        regions=settings.deployed_regions,
        home_region=settings.home_region,
        clock=parts.clock,
    )
    resolver = LaunchResolver(prerequisites, parts.ssm, parts.catalog, settings, selector)
    sizes = SizeFinder(parts.stores, parts.catalog, parts.recipes, parts.clock)
    executor = Executor(parts.stores, parts.ec2, parts.ssm, observer, resolver, parts.clock, sizes, mover)
    outlooks = StartOutlooks(parts.stores.capacity.get)
    return Reconciler(parts.stores, observer, executor, parts.settings, parts.clock, parts.catalog, outlooks)


def _build_prerequisites(parts: Parts) -> LaunchPrerequisites:
    settings = parts.settings
    network = NetworkSettings(settings.stage, settings.security_group, settings.networks)
    return LaunchPrerequisites(parts.clients.loop, network)


def _build_image_reconciler(parts: Parts) -> ImageReconciler:
    amis = Amis(parts.clients.loop, parts.settings.stage)
    observer = ImageObserver(parts.stores.instances, amis, parts.ssm)
    return ImageReconciler(parts.stores, observer, amis, parts.ssm, parts.clock)


def _build_notification_sender(parts: Parts) -> NotificationSender:
    return NotificationSender(
        parts.stores,
        EmailTopic(parts.clients.loop, parts.settings.email_topic_arn),
        WebhookSender(allow_private=parts.settings.allow_private_webhooks),
        build_get_webhook_secret(parts.clients.loop, parts.settings),
        parts.clock,
    )


def _build_sweep(parts: Parts, reconciler: Reconciler, image_reconciler: ImageReconciler) -> Sweep:
    adopter = OrphanAdopter(parts.stores.instances, reconciler, Volumes(parts.clients.loop), parts.stores.adoptions)
    return Sweep(parts.stores, reconciler, adopter, image_reconciler)


def _build_offer_refresher(parts: Parts) -> OfferRefresher:
    clients = parts.clients.loop
    return OfferRefresher(
        parts.stores.offers,
        Offerings(clients),
        Quotas(clients, parts.settings.stage),
        _build_prerequisites(parts),
        parts.catalog,
        parts.settings.deployed_regions,
        parts.clock,
    )


def _build_quota_request_follower(parts: Parts) -> QuotaRequestFollower:
    quotas, regions = Quotas(parts.clients.loop, parts.settings.stage), parts.settings.deployed_regions
    return QuotaRequestFollower(parts.stores, quotas, parts.catalog, regions, parts.clock)


def _build_catalog_refresher(parts: Parts) -> CatalogRefresher:
    return CatalogRefresher(
        parts.stores.catalog,
        CatalogSource(parts.clients.loop),
        frozenset(facts.name for _, facts in load_catalog_document().list_types()),
        parts.settings.deployed_regions,
        parts.settings.home_region,
        parts.clock,
    )


def _build_foreign_instance_lister(parts: Parts) -> ForeignInstanceLister:
    account = ForeignInstances(parts.clients.loop, parts.settings.stage, parts.settings.home_region)
    return ForeignInstanceLister(parts.stores, account, parts.catalog, parts.clock)


def _build_session_service(parts: Parts, instances: InstanceService) -> SessionService:
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


def _build_desk_service(parts: Parts) -> DeskService:
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


def _build_offer_service(parts: Parts) -> OfferService:
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


def _build_owner_service(parts: Parts) -> OwnerService:
    return OwnerService(
        stores=parts.stores,
        get_webhook_secret=parts.get_webhook_secret_in_request,
        allow_private_webhooks=parts.settings.allow_private_webhooks,
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
