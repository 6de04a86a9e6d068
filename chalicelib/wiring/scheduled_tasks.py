"""Build what runs on a schedule of its own, apart from the sweep: offers, catalog, quotas, budgets, adoptions."""

from chalicelib.aws.adoption import AdoptionCalls
from chalicelib.aws.catalog import CatalogSource
from chalicelib.aws.foreign_instances import ForeignInstances
from chalicelib.aws.offerings import Offerings
from chalicelib.aws.quotas import Quotas
from chalicelib.control.loop.budget_watch import BudgetWatch
from chalicelib.control.loop.follow_quota_requests import QuotaRequestFollower
from chalicelib.control.loop.list_foreign_instances import ForeignInstanceLister
from chalicelib.control.loop.refresh_catalog import CatalogRefresher
from chalicelib.control.loop.refresh_offers import OfferRefresher
from chalicelib.control.loop.tag_for_adoption import AdoptionTagger
from chalicelib.store.data_files import load_catalog_document
from chalicelib.wiring.parts import Parts, build_prerequisites


def build_budget_watch(parts: Parts) -> BudgetWatch:
    """Return the check of budgets."""
    return BudgetWatch(parts.stores, parts.clock)


def build_offer_refresher(parts: Parts) -> OfferRefresher:
    """Return the refresher of zones, prices and quotas."""
    clients = parts.clients.loop
    return OfferRefresher(
        offers=parts.stores.offers,
        offerings=Offerings(clients),
        quotas=Quotas(clients, parts.settings.stage),
        prerequisites=build_prerequisites(parts),
        catalog=parts.catalog,
        regions=parts.settings.deployed_regions,
        clock=parts.clock,
    )


def build_catalog_refresher(parts: Parts) -> CatalogRefresher:
    """Return the refresher of types, list prices and regions."""
    return CatalogRefresher(
        catalog=parts.stores.catalog,
        source=CatalogSource(parts.clients.loop),
        packaged_types=frozenset(facts.name for _, facts in load_catalog_document().list_types()),
        regions=parts.settings.deployed_regions,
        home_region=parts.settings.home_region,
        clock=parts.clock,
    )


def build_quota_request_follower(parts: Parts) -> QuotaRequestFollower:
    """Return the follower of requests to increase quotas."""
    return QuotaRequestFollower(
        stores=parts.stores,
        quotas=Quotas(parts.clients.loop, parts.settings.stage),
        catalog=parts.catalog,
        regions=parts.settings.deployed_regions,
        clock=parts.clock,
    )


def build_foreign_instance_lister(parts: Parts) -> ForeignInstanceLister:
    """Return the lister of the GPU instances that gpudesk does not manage."""
    account = ForeignInstances(parts.clients.loop, parts.settings.stage, parts.settings.home_region)
    return ForeignInstanceLister(parts.stores, account, parts.catalog, parts.clock)


def build_adoption_tagger(parts: Parts) -> AdoptionTagger:
    """Return the tagger of the EC2 instances whose adoption an admin requested."""
    return AdoptionTagger(parts.stores, AdoptionCalls(parts.clients.loop, parts.settings.stage), parts.clock)
