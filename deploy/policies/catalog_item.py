"""Access to the item with the refreshed catalog. The functions that use the catalog read it."""

from typing import Any

from chalicelib.store.catalog import CATALOG_KEY
from deploy.names import ResourceNames
from deploy.policies.statement import Statement

ONLY_CATALOG: dict[str, Any] = {
    "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [CATALOG_KEY]},
    "Null": {"dynamodb:LeadingKeys": "false"},
}
"""ForAllValues also holds for a missing key, so Null requires it."""


def build_catalog_statement(names: ResourceNames) -> Statement:
    """Return the statement to read the item."""
    return Statement(
        sid="ReadCatalog",
        actions=("dynamodb:GetItem",),
        resources=(names.table_arn("offers"),),
        condition=ONLY_CATALOG,
        reason="Use the types and prices of the last refresh. ForAllValues also holds for a missing key, so Null "
        "requires it.",
    )
