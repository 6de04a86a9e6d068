from typing import Any

import pytest

from tests.local.aws.conftest import create_table

Item = dict[str, Any]


def list_rows(dynamodb: Any, table: str) -> list[Item]:
    found: list[Item] = dynamodb.scan(TableName=table)["Items"]
    return sorted(found, key=str)


@pytest.fixture
def sorted_table(dynamodb: Any) -> str:
    """A table with a sort key, holding two rows of one partition and one of another."""
    dynamodb.create_table(
        TableName="sorted",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "at")],
        BillingMode="PAY_PER_REQUEST",
    )
    for key in (("a", "1"), ("a", "2"), ("b", "1")):
        dynamodb.put_item(TableName="sorted", Item=build_row(*key))
    return "sorted"


def build_row(name: str, at: str) -> Item:
    return {"id": {"S": name}, "at": {"S": at}, "tags": {"M": {"n": {"N": "1"}}}}


def build_update(table: str, key: Item) -> Item:
    return {
        "Update": {
            "TableName": table,
            "Key": key,
            "UpdateExpression": "SET tags.n = :two",
            "ExpressionAttributeValues": {":two": {"N": "2"}},
        }
    }


def build_failing_check(table: str, key: Item) -> Item:
    return {
        "ConditionCheck": {"TableName": table, "Key": key, "ConditionExpression": "attribute_exists(no_such_attribute)"}
    }


def build_key(name: str, at: str) -> Item:
    return {"id": {"S": name}, "at": {"S": at}}


def test_failed_transaction_reverts_nested_writes(dynamodb: Any, sorted_table: str) -> None:
    before = list_rows(dynamodb, sorted_table)
    writes = [
        build_update(sorted_table, build_key("a", "1")),
        {"Delete": {"TableName": sorted_table, "Key": build_key("b", "1")}},
        {"Put": {"TableName": sorted_table, "Item": build_row("a", "3")}},
        {"Put": {"TableName": sorted_table, "Item": build_row("c", "1")}},
        build_failing_check(sorted_table, build_key("a", "2")),
    ]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=writes)
    assert list_rows(dynamodb, sorted_table) == before
    dynamodb.transact_write_items(TransactItems=writes[:-1])
    assert [(each["id"]["S"], each["at"]["S"]) for each in list_rows(dynamodb, sorted_table)] == [
        ("a", "1"),
        ("a", "2"),
        ("a", "3"),
        ("c", "1"),
    ]


def test_failed_transaction_over_two_tables_changes_neither(dynamodb: Any, sorted_table: str) -> None:
    create_table(dynamodb)
    dynamodb.put_item(TableName="things", Item={"id": {"S": "x"}, "tags": {"M": {"n": {"N": "1"}}}})
    before = list_rows(dynamodb, "things"), list_rows(dynamodb, sorted_table)
    writes = [
        build_update("things", {"id": {"S": "x"}}),
        build_update(sorted_table, build_key("b", "1")),
        build_failing_check(sorted_table, build_key("a", "2")),
    ]
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=writes)
    assert (list_rows(dynamodb, "things"), list_rows(dynamodb, sorted_table)) == before


def test_writes_after_failed_transaction_reach_table(dynamodb: Any, sorted_table: str) -> None:
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(
            TransactItems=[
                build_update(sorted_table, build_key("a", "1")),
                build_failing_check(sorted_table, build_key("a", "2")),
            ]
        )
    dynamodb.transact_write_items(TransactItems=[build_update(sorted_table, build_key("a", "1"))])
    assert list_rows(dynamodb, sorted_table)[0]["tags"] == {"M": {"n": {"N": "2"}}}


def test_transaction_on_unknown_table_is_rejected(dynamodb: Any) -> None:
    with pytest.raises(dynamodb.exceptions.ClientError):
        dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": "nowhere", "Item": build_row("a", "1")}}])


def test_backup_is_independent_of_its_table(dynamodb: Any, sorted_table: str) -> None:
    arn = dynamodb.create_backup(TableName=sorted_table, BackupName="before")["BackupDetails"]["BackupArn"]
    before = list_rows(dynamodb, sorted_table)
    dynamodb.transact_write_items(TransactItems=[build_update(sorted_table, build_key("a", "1"))])
    dynamodb.restore_table_from_backup(TargetTableName="restored", BackupArn=arn)
    assert list_rows(dynamodb, "restored") == before


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
