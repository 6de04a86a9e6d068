"""The only wiring: what talks to what."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.ami import Amis
from chalicelib.aws.clients import Clients
from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.email import EmailTopic
from chalicelib.aws.instance_connect import InstanceConnect
from chalicelib.aws.secrets import MasterKey
from chalicelib.aws.ssm import Ssm
from chalicelib.channels.webhook import WebhookSender, derive_secret
from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.execute import Executor
from chalicelib.control.loop.images import ImageReconciler
from chalicelib.control.loop.loop import Loop
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.observe import Observer
from chalicelib.control.loop.reconcile import Reconciler
from chalicelib.control.loop.resolve_launch import LaunchResolver
from chalicelib.control.loop.sweep import Sweep
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.control.services import Requests
from chalicelib.control.services.benchmarks import BenchmarkService
from chalicelib.control.services.desk import DeskService
from chalicelib.control.services.finding import Finder
from chalicelib.control.services.images import ImageService
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.launch import LaunchService
from chalicelib.control.services.owners import OwnerService, SecretFor
from chalicelib.control.services.queries import QueryService
from chalicelib.control.services.sessions import SessionService
from chalicelib.control.services.setup import SetupService
from chalicelib.domain.common.clock import Clock, SystemClock
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.settings import Settings, read_settings
from chalicelib.store.benchmarks import BenchmarkRepository
from chalicelib.store.data_files import load_catalog, load_packaged_recipes, load_word_lists
from chalicelib.store.desk import DeskRepository
from chalicelib.store.durations import DurationRepository
from chalicelib.store.heartbeats import HeartbeatRepository
from chalicelib.store.images.repository import ImageRepository
from chalicelib.store.instances.launches import LaunchRepository
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.ledger import LedgerRepository
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.owners import OwnerRepository
from chalicelib.store.timeline import TimelineRepository
from chalicelib.store.tokens import TokenRepository


@dataclass(frozen=True)
class Application:
    """The whole desk: what handlers delegate to."""

    clock: Clock
    settings: Settings
    tokens: TokenRepository
    requests: Requests
    loop: Loop


@dataclass(frozen=True)
class Repositories:
    """What is remembered, each table by the questions that are asked of it."""

    instances: InstanceRepository
    heartbeats: HeartbeatRepository
    desk: DeskRepository
    owners: OwnerRepository
    notices: NotificationOutbox
    durations: DurationRepository
    images: ImageRepository


def build_application(
    clock: Clock, settings: Settings, recipe_overrides: Mapping[str, Recipe] | None = None
) -> Application:
    """Wire a desk to AWS, wherever the SDK's environment leads.

    :param recipe_overrides: the recipes, where it is not those that are packed with the code
    """
    clients = Clients()
    stores = Repositories(
        InstanceRepository(),
        HeartbeatRepository(),
        DeskRepository(),
        OwnerRepository(),
        NotificationOutbox(),
        DurationRepository(),
        ImageRepository(),
    )
    ssm, secrets = Ssm(clients), _webhook_secrets(clients, settings)
    requests = _requests(stores, clients, ssm, secrets, settings, clock, recipe_overrides or load_packaged_recipes())
    return Application(
        clock,
        settings,
        TokenRepository(),
        requests,
        _build_control_loop(stores, clients, ssm, secrets, settings, clock),
    )


def _build_control_loop(
    stores: Repositories, clients: Clients, ssm: Ssm, secrets: SecretFor, settings: Settings, clock: Clock
) -> Loop:
    ec2 = Ec2(clients, settings.stage)
    observer = Observer(ec2, ssm, stores.heartbeats, settings.instance_role_id)
    resolver = LaunchResolver(ec2, ssm, load_catalog(), settings)
    executor = Executor(ec2, ssm, stores.desk, stores.heartbeats, observer, resolver, clock)
    reconciler = Reconciler(
        stores.instances,
        stores.desk,
        stores.owners,
        stores.heartbeats,
        stores.durations,
        observer,
        executor,
        settings,
        clock,
    )
    mail, webhook = (
        EmailTopic(clients, settings.email_topic_arn),
        WebhookSender(allow_private=settings.allow_private_webhooks),
    )
    notifications = NotificationSender(stores.notices, stores.instances, stores.desk, mail, webhook, secrets, clock)
    own_images = Amis(clients, settings.stage)
    sweep = Sweep(
        stores.instances,
        stores.heartbeats,
        stores.desk,
        observer,
        reconciler,
        OrphanAdopter(stores.instances, reconciler, load_catalog()),
        notifications,
        ImageReconciler(stores.images, stores.instances, stores.desk, stores.owners, own_images, ssm, clock),
        clock,
        settings.home_region,
    )
    return Loop(reconciler, sweep, SweepWatchdog(stores.desk, stores.notices, notifications, clock))


def _webhook_secrets(clients: Clients, settings: Settings) -> SecretFor:
    """Made when they are needed, of a key that is read when it is first needed."""
    key = MasterKey(clients, settings.home_region, settings.webhook_key)
    return lambda name, number: derive_secret(key.read(), name, number)


def _requests(
    stores: Repositories,
    clients: Clients,
    ssm: Ssm,
    secrets: SecretFor,
    settings: Settings,
    clock: Clock,
    offered: Mapping[str, Recipe],
) -> Requests:
    finder = Finder(stores.instances)
    changing = InstanceService(
        instances=stores.instances, finder=finder, desk=stores.desk, owners=stores.owners, clock=clock
    )
    reading = QueryService(
        instances=stores.instances,
        finder=finder,
        images=stores.images,
        heartbeats=stores.heartbeats,
        timelines=TimelineRepository(),
        notices=stores.notices,
        ledger=LedgerRepository(),
        desk=stores.desk,
        durations=stores.durations,
        clock=clock,
        instance_role_id=settings.instance_role_id,
    )
    images = ImageService(
        images=stores.images,
        instances=stores.instances,
        finder=finder,
        reading=reading,
        desk=stores.desk,
        catalog=load_catalog(),
        recipes=offered,
        clock=clock,
    )
    return Requests(
        images=images,
        launching=LaunchService(
            instances=stores.instances,
            launches=LaunchRepository(),
            desk=stores.desk,
            owners=stores.owners,
            images=images,
            catalog=load_catalog(),
            recipes=offered,
            words=load_word_lists(),
            clock=clock,
        ),
        changing=changing,
        reading=reading,
        sessions=SessionService(
            finder=finder,
            images=stores.images,
            changing=changing,
            ec2=Ec2(clients, settings.stage),
            ssm=ssm,
            instance_connect=InstanceConnect(clients),
            recipes=offered,
        ),
        setting_up=SetupService(changing=changing, catalog=load_catalog(), recipes=offered),
        administration=DeskService(
            desk=stores.desk,
            catalog=load_catalog(),
            recipes=offered,
            secrets=secrets,
            webhooks_may_be_local=settings.allow_private_webhooks,
        ),
        owners=OwnerService(
            owners=stores.owners,
            desk=stores.desk,
            secrets=secrets,
            webhooks_may_be_local=settings.allow_private_webhooks,
        ),
        benchmarking=BenchmarkService(changing=changing, benchmarks=BenchmarkRepository(), catalog=load_catalog()),
    )


_application: list[Application] = []


def set_application(desk: Application | None) -> None:
    """Use this desk from now on; None: build one from the environment at the next use."""
    _application[:] = [desk] if desk else []


def get_application() -> Application:
    """The desk of this process; made at first use, so that importing costs nothing."""
    if not _application:
        set_application(build_application(SystemClock(), read_settings()))
    return _application[0]
