"""Build the parts of the control loop."""

from chalicelib.aws.adoption import AdoptionCalls
from chalicelib.aws.ami import Amis
from chalicelib.aws.catalog import CatalogSource
from chalicelib.aws.email import EmailTopic
from chalicelib.aws.foreign_instances import ForeignInstances
from chalicelib.aws.launch_prerequisites import LaunchPrerequisites, NetworkSettings
from chalicelib.aws.move_images import MoveImages
from chalicelib.aws.offerings import Offerings
from chalicelib.aws.quotas import Quotas
from chalicelib.aws.spot_requests import SpotRequests
from chalicelib.aws.volumes import Volumes
from chalicelib.channels.webhook import WebhookSender
from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.choose_offer import OfferSelector
from chalicelib.control.loop.execute_step import Executor
from chalicelib.control.loop.follow_quota_requests import QuotaRequestFollower
from chalicelib.control.loop.list_foreign_instances import ForeignInstanceLister
from chalicelib.control.loop.lost_images import LostImages
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
from chalicelib.control.loop.tag_adopted_instances import AdoptionTagger
from chalicelib.control.start_outlooks import StartOutlooks
from chalicelib.store.data_files import load_catalog_document
from chalicelib.wiring.parts import Parts, build_get_webhook_secret, build_size_finder


def build_reconciler(parts: Parts) -> Reconciler:
    """Return the reconciler of instances, with all that observes and acts for it."""
    settings = parts.settings
    quotas = QuotaSource(
        stores=parts.stores,
        catalog=parts.catalog,
        recipes=parts.recipes,
        regions=settings.deployed_regions,
        clock=parts.clock,
    )
    spot_requests = SpotRequests(parts.clients.loop, settings.stage)
    mover = Mover(MoveImages(parts.clients.loop, settings.stage), parts.ec2, spot_requests)
    observer = Observer(
        parts.ec2, parts.ssm, parts.stores.heartbeats, settings.instance_role_id, mover, spot_requests, quotas
    )
    resolver = LaunchResolver(
        _build_prerequisites(parts), parts.ssm, parts.catalog, settings, _build_offer_selector(parts)
    )
    sizes = build_size_finder(parts)
    executor = Executor(parts.stores, parts.ec2, parts.ssm, observer, resolver, parts.clock, sizes, mover)
    outlooks = StartOutlooks(parts.stores.capacity.get)
    return Reconciler(parts.stores, observer, executor, settings, parts.clock, parts.catalog, outlooks)


def _build_offer_selector(parts: Parts) -> OfferSelector:
    return OfferSelector(
        offers=parts.stores.offers,
        instances=parts.stores.instances,
        desk=parts.stores.desk,
        catalog=parts.catalog,
        recipes=parts.recipes,
        regions=parts.settings.deployed_regions,
        home_region=parts.settings.home_region,
        clock=parts.clock,
    )


def _build_prerequisites(parts: Parts) -> LaunchPrerequisites:
    settings = parts.settings
    network = NetworkSettings(settings.stage, settings.security_group, settings.networks)
    return LaunchPrerequisites(parts.clients.loop, network)


def build_image_reconciler(parts: Parts) -> ImageReconciler:
    """Return the reconciler of images."""
    amis = Amis(parts.clients.loop, parts.settings.stage)
    observer = ImageObserver(parts.stores.instances, amis, parts.ssm)
    lost = LostImages(parts.stores, parts.clock)
    return ImageReconciler(parts.stores, observer, amis, parts.ssm, lost, parts.clock)


def build_sweep(parts: Parts, reconciler: Reconciler, image_reconciler: ImageReconciler) -> Sweep:
    """Return the sweep, which uses the reconcilers for all instances and images."""
    adopter = OrphanAdopter(parts.stores.instances, reconciler, Volumes(parts.clients.loop), parts.stores.adoptions)
    return Sweep(parts.stores, reconciler, adopter, image_reconciler)


def build_notification_sender(parts: Parts) -> NotificationSender:
    """Return the sender of notifications."""
    return NotificationSender(
        parts.stores,
        EmailTopic(parts.clients.loop, parts.settings.email_topic_arn),
        WebhookSender(allow_private=parts.settings.allow_private_webhooks),
        build_get_webhook_secret(parts.clients.loop, parts.settings),
        parts.clock,
    )


def build_offer_refresher(parts: Parts) -> OfferRefresher:
    """Return the refresher of zones, prices and quotas."""
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


def build_catalog_refresher(parts: Parts) -> CatalogRefresher:
    """Return the refresher of types, list prices and regions."""
    return CatalogRefresher(
        parts.stores.catalog,
        CatalogSource(parts.clients.loop),
        frozenset(facts.name for _, facts in load_catalog_document().list_types()),
        parts.settings.deployed_regions,
        parts.settings.home_region,
        parts.clock,
    )


def build_quota_request_follower(parts: Parts) -> QuotaRequestFollower:
    """Return the follower of requests to increase quotas."""
    quotas, regions = Quotas(parts.clients.loop, parts.settings.stage), parts.settings.deployed_regions
    return QuotaRequestFollower(parts.stores, quotas, parts.catalog, regions, parts.clock)


def build_foreign_instance_lister(parts: Parts) -> ForeignInstanceLister:
    """Return the lister of the GPU instances that gpudesk does not manage."""
    account = ForeignInstances(parts.clients.loop, parts.settings.stage, parts.settings.home_region)
    return ForeignInstanceLister(parts.stores, account, parts.catalog, parts.clock)


def build_adoption_tagger(parts: Parts) -> AdoptionTagger:
    """Return the tagger of the EC2 instances that admins adopt."""
    return AdoptionTagger(parts.stores, AdoptionCalls(parts.clients.loop, parts.settings.stage), parts.clock)
