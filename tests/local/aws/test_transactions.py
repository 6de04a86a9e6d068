from typing import Any

import pytest

from tests.local.aws.conftest import create_table

Item = dict[str, Any]


def rows(dynamodb: Any, table: str) -> list[Item]:
    found: list[Item] = dynamodb.scan(TableName=table)["Items"]
    return sorted(found, key=str)


@pytest.fixture
def ranged(dynamodb: Any) -> str:
    """A table with a sort key, holding two rows of one partition and one of another."""
    dynamodb.create_table(
        TableName="ranged",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "at")],
        BillingMode="PAY_PER_REQUEST",
    )
    for key in (("a", "1"), ("a", "2"), ("b", "1")):
        dynamodb.put_item(TableName="ranged", Item=row(*key))
    return "ranged"


def row(name: str, at: str) -> Item:
    return {"id": {"S": name}, "at": {"S": at}, "tags": {"M": {"n": {"N": "1"}}}}


def change(table: str, key: Item) -> Item:
    return {
        "Update": {
            "TableName": table,
            "Key": key,
            "UpdateExpression": "SET tags.n = :two",
            "ExpressionAttributeValues": {":two": {"N": "2"}},
        }
    }


def refuse(table: str, key: Item) -> Item:
    return {
        "ConditionCheck": {"TableName": table, "Key": key, "ConditionExpression": "attribute_exists(nobody_has_it)"}
    }


def key(name: str, at: str) -> Item:
    return {"id": {"S": name}, "at": {"S": at}}


def test_failed_transaction_reverts_nested_writes(dynamodb: Any, ranged: str) -> None:
    before = rows(dynamodb, ranged)
    writes = [
        change(ranged, key("a", "1")),
        {"Delete": {"TableName": ranged, "Key": key("b", "1")}},
        {"Put": {"TableName": ranged, "Item": row("a", "3")}},
        {"Put": {"TableName": ranged, "Item": row("c", "1")}},
        refuse(ranged, key("a", "2")),
    ]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=writes)
    assert rows(dynamodb, ranged) == before
    dynamodb.transact_write_items(TransactItems=writes[:-1])
    assert [(each["id"]["S"], each["at"]["S"]) for each in rows(dynamodb, ranged)] == [
        ("a", "1"),
        ("a", "2"),
        ("a", "3"),
        ("c", "1"),
    ]


def test_failed_transaction_over_two_tables_changes_neither(dynamodb: Any, ranged: str) -> None:
    create_table(dynamodb)
    dynamodb.put_item(TableName="things", Item={"id": {"S": "x"}, "tags": {"M": {"n": {"N": "1"}}}})
    before = rows(dynamodb, "things"), rows(dynamodb, ranged)
    writes = [change("things", {"id": {"S": "x"}}), change(ranged, key("b", "1")), refuse(ranged, key("a", "2"))]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=writes)
    assert (rows(dynamodb, "things"), rows(dynamodb, ranged)) == before


def test_writes_after_failed_transaction_reach_table(dynamodb: Any, ranged: str) -> None:
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[change(ranged, key("a", "1")), refuse(ranged, key("a", "2"))])
    dynamodb.transact_write_items(TransactItems=[change(ranged, key("a", "1"))])
    assert rows(dynamodb, ranged)[0]["tags"] == {"M": {"n": {"N": "2"}}}


def test_transaction_on_unknown_table_is_rejected(dynamodb: Any) -> None:
    with pytest.raises(dynamodb.exceptions.ClientError):
        dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "nowhere", "Item": row("a", "1")}}])


def test_backup_is_independent_of_its_table(dynamodb: Any, ranged: str) -> None:
    arn = dynamodb.create_backup(TableName=ranged, BackupName="before")["BackupDetails"]["BackupArn"]
    before = rows(dynamodb, ranged)
    dynamodb.transact_write_items(TransactItems=[change(ranged, key("a", "1"))])
    dynamodb.restore_table_from_backup(TargetTableName="restored", BackupArn=arn)
    assert rows(dynamodb, "restored") == before


def test_values_of_every_type_are_read_back_unchanged(dynamodb: Any) -> None:
    create_table(dynamodb)
    item = {
        "id": {"S": "a"},
        "number": {"N": "1.5"},
        "bytes": {"B": b"\x00\xff"},
        "strings": {"SS": ["x", "y"]},
        "numbers": {"NS": ["1", "2"]},
        "blobs": {"BS": [b"\x00"]},
        "map": {"M": {"deep": {"L": [{"BOOL": False}, {"NULL": True}, {"M": {}}, {"L": []}]}}},
    }
    dynamodb.put_item(TableName="things", Item=item)
    found = dynamodb.get_item(TableName="things", Key={"id": {"S": "a"}})["Item"]
    assert {key: _sorted(value) for key, value in found.items()} == item
    assert dynamodb.scan(TableName="things")["Items"][0]["map"] == item["map"]


def _sorted(value: Item) -> Item:
    return {kind: sorted(inner) if kind in ("SS", "NS", "BS") else inner for kind, inner in value.items()}
