"""Build what the other builders share: stores, SDK clients, EC2, SSM, prerequisites, sizes and webhook secrets."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.clients import Clients, ClientSets
from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.launch_prerequisites import LaunchPrerequisites, NetworkSettings
from chalicelib.aws.secrets import MasterKey
from chalicelib.aws.ssm import Ssm
from chalicelib.channels.webhook import derive_secret
from chalicelib.control.services.settings_changes import GetWebhookSecret
from chalicelib.control.size_finder import SizeFinder
from chalicelib.domain.catalog.document import build_catalog
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.reading import CatalogReading, merge_reading
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.setup.recipe import Recipe
from chalicelib.settings import Settings
from chalicelib.store.data_files import load_catalog, load_catalog_document
from chalicelib.store.repositories import Repositories, build_repositories


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The objects that services and control loop are built from.

    :param reading: what the refresh has read; it is part of `catalog`
    :param ec2: EC2 for the control loop
    :param ssm: SSM for the control loop
    :param get_webhook_secret_in_request: for a request, in which a person waits for the call
    """

    clock: Clock
    settings: Settings
    recipes: Mapping[str, Recipe]
    reading: CatalogReading
    catalog: InstanceTypeCatalog
    stores: Repositories
    clients: ClientSets
    ec2: Ec2
    ssm: Ssm
    get_webhook_secret_in_request: GetWebhookSecret


def build_parts(
    clock: Clock, settings: Settings, recipes: Mapping[str, Recipe], clients: ClientSets, reading: CatalogReading
) -> Parts:
    """Return the parts of an application."""
    is_packaged = reading == CatalogReading()
    return Parts(
        clock=clock,
        settings=settings,
        recipes=recipes,
        reading=reading,
        catalog=load_catalog() if is_packaged else build_catalog(merge_reading(load_catalog_document(), reading)),
        stores=build_repositories(settings.home_region, settings.table_prefix),
        clients=clients,
        ec2=Ec2(clients.loop, settings.stage),
        ssm=Ssm(clients.loop, settings.stage),
        get_webhook_secret_in_request=build_get_webhook_secret(clients.request, settings),
    )


def build_prerequisites(parts: Parts) -> LaunchPrerequisites:
    """Return the reads of the images, subnets and security groups of a region."""
    settings = parts.settings
    network = NetworkSettings(settings.stage, settings.security_group, settings.networks)
    return LaunchPrerequisites(parts.clients.loop, network)


def build_size_finder(parts: Parts) -> SizeFinder:
    """Return the finder of other sizes for a stopped instance."""
    return SizeFinder(parts.stores, parts.catalog, parts.recipes, parts.clock)


def build_get_webhook_secret(clients: Clients, settings: Settings) -> GetWebhookSecret:
    """Return a function that derives webhook secrets. Its first call reads the master key from AWS."""
    key = MasterKey(clients, settings.home_region, settings.webhook_key)
    return lambda name, generation: derive_secret(key.read(), name, generation)
