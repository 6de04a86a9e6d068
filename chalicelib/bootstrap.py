"""The only wiring: what talks to what."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.clients import Clients
from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.images import OwnImages
from chalicelib.aws.instance_connect import InstanceConnect
from chalicelib.aws.secrets import MasterKey
from chalicelib.aws.sns import Mail
from chalicelib.aws.ssm import Ssm
from chalicelib.channels.webhook import Webhook, secret_of
from chalicelib.control.act import Executor
from chalicelib.control.deliver import Postman
from chalicelib.control.gallery import Gallery
from chalicelib.control.loop import Loop
from chalicelib.control.observe import Observer
from chalicelib.control.orphans import Orphanage
from chalicelib.control.reconcile import Reconciler
from chalicelib.control.requests import Requests
from chalicelib.control.requests.administration import Administration
from chalicelib.control.requests.benchmarking import Benchmarking
from chalicelib.control.requests.changing import Changing
from chalicelib.control.requests.finding import Finder
from chalicelib.control.requests.images import ImageRequests
from chalicelib.control.requests.launching import Launching
from chalicelib.control.requests.owners import OwnerRequests, Secrets
from chalicelib.control.requests.reading import Reading
from chalicelib.control.requests.sessions import Sessions
from chalicelib.control.requests.setting_up import SettingUp
from chalicelib.control.resolve import Resolver
from chalicelib.control.sweep import Sweep
from chalicelib.control.watch import Watch
from chalicelib.domain.clock import Clock, SystemClock
from chalicelib.domain.recipes import Recipe
from chalicelib.settings import Settings, read_settings
from chalicelib.store.benchmarks import Benchmarks
from chalicelib.store.data_files import catalogue, recipes, words
from chalicelib.store.desk import DeskStore
from chalicelib.store.durations import DurationStore
from chalicelib.store.heartbeats import Heartbeats
from chalicelib.store.images import Images
from chalicelib.store.instances import Instances
from chalicelib.store.launches import Launches
from chalicelib.store.ledger import Ledger
from chalicelib.store.notices import Notices
from chalicelib.store.owners import Owners
from chalicelib.store.timeline import Timeline
from chalicelib.store.tokens import Tokens


@dataclass(frozen=True)
class Desk:
    """The whole desk: what handlers delegate to."""

    clock: Clock
    settings: Settings
    tokens: Tokens
    requests: Requests
    loop: Loop


@dataclass(frozen=True)
class Stores:
    """What is remembered, each table by the questions that are asked of it."""

    instances: Instances
    heartbeats: Heartbeats
    desk: DeskStore
    owners: Owners
    notices: Notices
    durations: DurationStore
    images: Images


def build(clock: Clock, settings: Settings, offered: Mapping[str, Recipe] | None = None) -> Desk:
    """Wire a desk to AWS, wherever the SDK's environment leads.

    :param offered: the recipes, where it is not those that are packed with the code
    """
    clients = Clients()
    stores = Stores(Instances(), Heartbeats(), DeskStore(), Owners(), Notices(), DurationStore(), Images())
    ssm, secrets = Ssm(clients), _webhook_secrets(clients, settings)
    requests = _requests(stores, clients, ssm, secrets, settings, clock, offered or recipes())
    return Desk(clock, settings, Tokens(), requests, _loop(stores, clients, ssm, secrets, settings, clock))


def _loop(stores: Stores, clients: Clients, ssm: Ssm, secrets: Secrets, settings: Settings, clock: Clock) -> Loop:
    ec2 = Ec2(clients, settings.stage)
    observer = Observer(ec2, ssm, stores.heartbeats, settings.instance_role_id)
    resolver = Resolver(ec2, ssm, catalogue(), settings)
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
    mail, webhook = Mail(clients, settings.topic_arn), Webhook(may_be_local=settings.webhooks_may_be_local)
    postman = Postman(stores.notices, stores.instances, stores.desk, mail, webhook, secrets, clock)
    own_images = OwnImages(clients, settings.stage)
    sweep = Sweep(
        stores.instances,
        stores.heartbeats,
        stores.desk,
        observer,
        reconciler,
        Orphanage(stores.instances, reconciler, catalogue()),
        postman,
        Gallery(stores.images, stores.instances, stores.desk, stores.owners, own_images, ssm, clock),
        clock,
        settings.home_region,
    )
    return Loop(reconciler, sweep, Watch(stores.desk, stores.notices, postman, clock))


def _webhook_secrets(clients: Clients, settings: Settings) -> Secrets:
    """Made when they are needed, of a key that is read when it is first needed."""
    key = MasterKey(clients, settings.home_region, settings.webhook_key)
    return lambda name, number: secret_of(key.read(), name, number)


def _requests(
    stores: Stores,
    clients: Clients,
    ssm: Ssm,
    secrets: Secrets,
    settings: Settings,
    clock: Clock,
    offered: Mapping[str, Recipe],
) -> Requests:
    finder = Finder(stores.instances)
    changing = Changing(instances=stores.instances, finder=finder, desk=stores.desk, owners=stores.owners, clock=clock)
    reading = Reading(
        instances=stores.instances,
        finder=finder,
        images=stores.images,
        heartbeats=stores.heartbeats,
        timelines=Timeline(),
        notices=stores.notices,
        ledger=Ledger(),
        desk=stores.desk,
        durations=stores.durations,
        clock=clock,
        instance_role_id=settings.instance_role_id,
    )
    images = ImageRequests(
        images=stores.images,
        instances=stores.instances,
        finder=finder,
        reading=reading,
        desk=stores.desk,
        catalogue=catalogue(),
        recipes=offered,
        clock=clock,
    )
    return Requests(
        images=images,
        launching=Launching(
            instances=stores.instances,
            launches=Launches(),
            desk=stores.desk,
            owners=stores.owners,
            images=images,
            catalogue=catalogue(),
            recipes=offered,
            words=words(),
            clock=clock,
        ),
        changing=changing,
        reading=reading,
        sessions=Sessions(
            finder=finder,
            images=stores.images,
            changing=changing,
            ec2=Ec2(clients, settings.stage),
            ssm=ssm,
            instance_connect=InstanceConnect(clients),
            recipes=offered,
        ),
        setting_up=SettingUp(changing=changing, catalogue=catalogue(), recipes=offered),
        administration=Administration(
            desk=stores.desk,
            catalogue=catalogue(),
            recipes=offered,
            secrets=secrets,
            webhooks_may_be_local=settings.webhooks_may_be_local,
        ),
        owners=OwnerRequests(
            owners=stores.owners,
            desk=stores.desk,
            secrets=secrets,
            webhooks_may_be_local=settings.webhooks_may_be_local,
        ),
        benchmarking=Benchmarking(changing=changing, benchmarks=Benchmarks(), catalogue=catalogue()),
    )


_installed: list[Desk] = []


def install(desk: Desk | None) -> None:
    """Use this desk from now on; None: build one from the environment at the next use."""
    _installed[:] = [desk] if desk else []


def desk() -> Desk:
    """The desk of this process; made at first use, so that importing costs nothing."""
    if not _installed:
        install(build(SystemClock(), read_settings()))
    return _installed[0]
