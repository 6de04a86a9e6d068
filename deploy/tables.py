"""DynamoDB tables of the home stack, from the models of the store. The local cloud has the same tables."""

from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import TTLAttribute

from chalicelib.store.connections import TableModel
from chalicelib.store.instances.table import InstanceModel
from chalicelib.store.tables import TABLES
from deploy.cloudformation import Resource, build_resource, build_retention
from deploy.names import ResourceNames

KEY_TYPES = ("HASH", "RANGE")
"""The order of the keys that CloudFormation requires. PynamoDB lists them in another order for indexes."""


def get_short_name(model: type[TableModel]) -> str:
    """Return the name of a table without the prefix of the stage, such as `instances`."""
    return model.Meta.base_name


STREAM_TABLE = get_short_name(InstanceModel)
"""The table whose stream invokes the control loop."""


def get_table_id(table: str) -> str:
    """Return the logical id of a table."""
    return f"{table.capitalize()}Table"


def build_tables(names: ResourceNames) -> dict[str, Resource]:
    """Return the tables by logical id. Outside the stage dev they outlive their stack."""
    return {get_table_id(get_short_name(model)): _build_table(model, names) for model in TABLES}


def _build_table(model: type[TableModel], names: ResourceNames) -> Resource:
    keeps_data = names.settings.keeps_data
    # If the creation of the stack fails, CloudFormation deletes its tables, which are empty. DynamoDB refuses that for
    # protected tables: the stack is ROLLBACK_FAILED, and docs/architecture.md says how to clean up.
    return build_resource(
        "AWS::DynamoDB::Table",
        {
            "TableName": names.table(get_short_name(model)),
            "BillingMode": "PAY_PER_REQUEST",
            **_build_schema(model),
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "DeletionProtectionEnabled": keeps_data,
        },
        **build_retention(is_kept=keeps_data),
    )


def _build_schema(model: type[TableModel]) -> dict[str, Any]:
    schema: Mapping[str, Any] = model._get_schema()
    attributes = {each["AttributeName"]: each["AttributeType"] for each in schema["attribute_definitions"]}
    properties: dict[str, Any] = {
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in sorted(attributes.items())
        ],
        "KeySchema": _sort_keys(schema["key_schema"]),
    }
    indexes = schema.get("global_secondary_indexes") or ()
    if indexes:
        properties["GlobalSecondaryIndexes"] = [
            {
                "IndexName": index["index_name"],
                "KeySchema": _sort_keys(index["key_schema"]),
                "Projection": {"ProjectionType": index["projection"]["ProjectionType"]},
            }
            for index in sorted(indexes, key=lambda index: str(index["index_name"]))
        ]
    if view := getattr(model.Meta, "stream_view_type", None):
        properties["StreamSpecification"] = {"StreamViewType": view}
    expiry = [each.attr_name for each in model.get_attributes().values() if isinstance(each, TTLAttribute)]
    if expiry:
        properties["TimeToLiveSpecification"] = {"AttributeName": expiry[0], "Enabled": True}
    return properties


def _sort_keys(keys: Any) -> list[dict[str, str]]:
    found = [{"AttributeName": key["AttributeName"], "KeyType": key["KeyType"]} for key in keys]
    return sorted(found, key=lambda key: KEY_TYPES.index(key["KeyType"]))
