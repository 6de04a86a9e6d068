"""Access to single items of the desk table, for functions that need nothing else of it."""

from deploy.names import ResourceNames
from deploy.policies.statement import Statement, limit_keys


def build_desk_item_statement(
    names: ResourceNames, sid: str, calls: tuple[str, ...], key: str, reason: str
) -> Statement:
    """Return the statement for one item of the desk table.

    :param calls: names of DynamoDB's actions that name the key of one item
    """
    return Statement(
        sid=sid,
        actions=tuple(f"dynamodb:{call}" for call in calls),
        resources=(names.table_arn("desk"),),
        condition=limit_keys(key),
        reason=f"{reason} The other items of the table have other keys.",
    )
