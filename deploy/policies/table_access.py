"""Access to tables: what a role calls on each table and on its indexes.

A transaction needs the permission of each of its writes: a Put is PutItem, an Update is UpdateItem, a Delete is
DeleteItem. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deploy.names import ResourceNames
from deploy.policies.statement import Statement


@dataclass(frozen=True)
class TableAccess:
    """The calls of a role on one table.

    :param calls: the names of DynamoDB's actions on the table itself
    :param reason: why the role needs the calls
    :param indexes: the indexes that are queried
    :param index_reason: why the role needs the indexes; empty: `reason` says it
    """

    calls: tuple[str, ...]
    reason: str
    indexes: tuple[str, ...] = ()
    index_reason: str = ""


def build_table_statements(names: ResourceNames, access: Mapping[str, TableAccess]) -> tuple[Statement, ...]:
    """Return the statements for tables, one for each table and one for its indexes."""
    statements = []
    for table, each in access.items():
        title = table.capitalize()
        if each.calls:
            statements.append(
                Statement(
                    sid=f"Use{title}Table",
                    actions=tuple(f"dynamodb:{call}" for call in sorted(each.calls)),
                    resources=(names.table_arn(table),),
                    reason=each.reason,
                )
            )
        if each.indexes:
            statements.append(
                Statement(
                    sid=f"Query{title}Indexes",
                    actions=("dynamodb:Query",),
                    resources=tuple(names.table_arn(table, index) for index in sorted(each.indexes)),
                    reason=each.index_reason or each.reason,
                )
            )
    return tuple(statements)
