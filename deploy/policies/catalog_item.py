"""Access to the item with the refreshed catalog. The functions that use the catalog read it."""

from chalicelib.store.catalog import CATALOG_KEY
from deploy.names import ResourceNames
from deploy.policies.statement import Statement, limit_keys


def build_catalog_statement(names: ResourceNames) -> Statement:
    """Return the statement to read the item."""
    return Statement(
        sid="ReadCatalog",
        actions=("dynamodb:GetItem",),
        resources=(names.table_arn("offers"),),
        condition=limit_keys(CATALOG_KEY),
        reason="Use the types and prices of the last refresh.",
    )
