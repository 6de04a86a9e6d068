"""The list of all tables, for code that creates them or sends their calls to another endpoint."""

from chalicelib.store.benchmarks import BenchmarkModel
from chalicelib.store.connections import TableMeta, TableModel, get_connection
from chalicelib.store.desk import DeskModel
from chalicelib.store.heartbeats import HeartbeatModel
from chalicelib.store.images.table import ImageModel
from chalicelib.store.instances.table import InstanceModel
from chalicelib.store.ledger import LedgerModel
from chalicelib.store.notifications import NotificationModel
from chalicelib.store.offers import OfferModel
from chalicelib.store.owners import OwnerModel
from chalicelib.store.timeline import TimelineModel
from chalicelib.store.tokens import TokenModel

TABLES: tuple[type[TableModel], ...] = (
    InstanceModel,
    TimelineModel,
    HeartbeatModel,
    NotificationModel,
    ImageModel,
    OwnerModel,
    LedgerModel,
    BenchmarkModel,
    OfferModel,
    TokenModel,
    DeskModel,
)


def connect_tables(region: str, prefix: str) -> None:
    """Use the tables of a deployment from now on. Before that, every call of a table fails.

    :param prefix: the names of all tables begin with it
    """
    names = [f"{prefix}-{model.Meta.base_name}" for model in TABLES]
    if (TableMeta.region, [model.Meta.table_name for model in TABLES]) == (region, names):
        return
    TableMeta.region = region
    for model, name in zip(TABLES, names, strict=True):
        model.Meta.table_name = name
    _forget_connections()


def create_tables(region: str, prefix: str) -> None:
    """Create the tables that are missing, for the local cloud and tests. On AWS, CloudFormation creates them."""
    connect_tables(region, prefix)
    for model in TABLES:
        if not model.exists():
            model.create_table(wait=True)


_endpoints: list[str | None] = []


def reset_endpoint(endpoint: str | None) -> None:
    """Make the next call read the endpoint from the environment again, unless it is still the same.

    A client costs a tenth of a second to create, so clients that already lead to this endpoint are reused.
    """
    if _endpoints and _endpoints[-1] == endpoint:
        return
    _endpoints[:] = [endpoint]
    _forget_connections()


def _forget_connections() -> None:
    get_connection.cache_clear()
    for model in TABLES:
        model._connection = None
