"""Build the control loop: the reconcilers, the sweep, and what delivers and watches beside it."""

from chalicelib.aws.ami import Amis
from chalicelib.aws.email import EmailTopic
from chalicelib.aws.move_images import MoveImages
from chalicelib.aws.spot_requests import SpotRequests
from chalicelib.aws.volumes import Volumes
from chalicelib.channels.webhook import WebhookSender
from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.choose_offer import OfferSelector
from chalicelib.control.loop.execute_step import Executor
from chalicelib.control.loop.interruptions import InterruptionHandler
from chalicelib.control.loop.lost_images import LostImages
from chalicelib.control.loop.mover import Mover
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.observe_image import ImageObserver
from chalicelib.control.loop.observe_instance import Observer
from chalicelib.control.loop.quota_source import QuotaSource
from chalicelib.control.loop.reconcile_image import ImageReconciler
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.resolve_launch import LaunchResolver
from chalicelib.control.loop.sweep import Sweep
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.control.start_outlooks import StartOutlooks
from chalicelib.wiring.parts import Parts, build_get_webhook_secret, build_prerequisites, build_size_finder


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
        ec2=parts.ec2,
        ssm=parts.ssm,
        heartbeats=parts.stores.heartbeats,
        instance_role_id=settings.instance_role_id,
        mover=mover,
        spot_requests=spot_requests,
        quotas=quotas,
    )
    return Reconciler(
        stores=parts.stores,
        observer=observer,
        executor=_build_executor(parts, observer, mover),
        settings=settings,
        clock=parts.clock,
        catalog=parts.catalog,
        outlooks=StartOutlooks(parts.stores.capacity.get),
    )


def _build_executor(parts: Parts, observer: Observer, mover: Mover) -> Executor:
    resolver = LaunchResolver(
        prerequisites=build_prerequisites(parts),
        parameters=parts.ssm,
        catalog=parts.catalog,
        settings=parts.settings,
        selector=_build_offer_selector(parts),
    )
    return Executor(
        stores=parts.stores,
        ec2=parts.ec2,
        ssm=parts.ssm,
        observer=observer,
        resolver=resolver,
        clock=parts.clock,
        sizes=build_size_finder(parts),
        mover=mover,
    )


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


def build_image_reconciler(parts: Parts) -> ImageReconciler:
    """Return the reconciler of images."""
    amis = Amis(parts.clients.loop, parts.settings.stage)
    observer = ImageObserver(parts.stores.instances, amis, parts.ssm)
    lost = LostImages(parts.stores, parts.clock)
    return ImageReconciler(parts.stores, observer, amis, parts.ssm, lost, parts.clock)


def build_sweep(parts: Parts, reconciler: Reconciler, image_reconciler: ImageReconciler) -> Sweep:
    """Return the sweep, which uses the reconcilers for all instances and images."""
    adopter = OrphanAdopter(
        instances=parts.stores.instances,
        reconciler=reconciler,
        volumes=Volumes(parts.clients.loop),
        adoptions=parts.stores.adoptions,
    )
    return Sweep(stores=parts.stores, reconciler=reconciler, adopter=adopter, images=image_reconciler)


def build_notification_sender(parts: Parts) -> NotificationSender:
    """Return the sender of notifications."""
    return NotificationSender(
        stores=parts.stores,
        email=EmailTopic(parts.clients.loop, parts.settings.email_topic_arn),
        webhook=WebhookSender(allow_private=parts.settings.allow_private_webhooks),
        get_webhook_secret=build_get_webhook_secret(parts.clients.loop, parts.settings),
        clock=parts.clock,
    )


def build_interruption_handler(reconciler: Reconciler, sender: NotificationSender) -> InterruptionHandler:
    """Return the handler of spot interruptions."""
    return InterruptionHandler(reconciler, sender)


def build_sweep_watchdog(parts: Parts, sender: NotificationSender) -> SweepWatchdog:
    """Return the watchdog of the sweep and the deliveries."""
    return SweepWatchdog(parts.stores, sender, parts.clock)
