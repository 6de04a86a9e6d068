"""Attacks on tables, parameters and documents."""

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTE
from chalicelib.store.adoptions import ADOPTIONS_KEY
from chalicelib.store.catalog import CATALOG_KEY
from chalicelib.store.desk import SETTINGS_KEY, DeskModel
from chalicelib.store.foreign_instances import INVENTORY_KEY
from chalicelib.store.heartbeats import HeartbeatModel
from chalicelib.store.offers import OfferModel, build_capacity_key
from chalicelib.store.quota_requests import build_request_key
from chalicelib.store.tables import TABLES
from deploy.tables import get_short_name
from ssm_documents.compose import list_document_names
from ssm_documents.session_documents import list_session_names
from tests.deploy.attacks import (
    AMAZON_DOCUMENT,
    FOREIGN_DOCUMENT,
    FOREIGN_PARAMETER,
    FOREIGN_TABLE,
    NONE,
    Attacker,
    Target,
    join_names,
)
from tests.local.aws.conftest import UBUNTU

OFFER_KEYS = {
    "zones and prices": "us-east-1",
    "records of capacity": build_capacity_key("us-east-1"),
    "catalog": CATALOG_KEY,
    "quota requests": build_request_key("us-east-1"),
}
"""Kinds of items of the offers table, each with a key."""


def list_tables(attacker: Attacker) -> str:
    """Return the tables that the attacker can read (R) and write (W); `own`: only the item of the instance."""
    found = []
    for model in TABLES:
        letters = _find_letters(attacker, model, "us-east-1" if model is OfferModel else "x")
        own = _update(model, attacker.credentials.user_id)
        if not letters and attacker.can("dynamodb", "UpdateItem", **own):
            # With ReturnValues, the answer to an update contains the whole item.
            can_read = attacker.can("dynamodb", "UpdateItem", **own, ReturnValues="ALL_NEW")
            letters = "RW, own" if can_read else "W, own"
        if model is OfferModel:
            letters = _join_kinds({kind: _find_letters(attacker, model, key) for kind, key in OFFER_KEYS.items()})
        if model is DeskModel and not letters:
            letters = _list_desk_items(attacker)
        if letters:
            found.append(f"{get_short_name(model)} ({letters})")
    assert not attacker.can("dynamodb", "GetItem", TableName=FOREIGN_TABLE, Key={"hash": {"S": "x"}})
    assert not attacker.can("dynamodb", "Scan", TableName=FOREIGN_TABLE)
    if any(each.startswith("heartbeats") and each.endswith("own)") for each in found):
        own = _update(HeartbeatModel, attacker.credentials.user_id)
        assert not attacker.can("dynamodb", "UpdateItem", **{**own, "UpdateExpression": "SET response = :value"})
        assert not attacker.can("dynamodb", "UpdateItem", **_update(HeartbeatModel, f"{attacker.credentials.user_id}0"))
    return ", ".join(found) or NONE


DESK_ITEMS = {"settings": SETTINGS_KEY, "foreign instances": INVENTORY_KEY, "adoptions": ADOPTIONS_KEY}


def _list_desk_items(attacker: Attacker) -> str:
    """Return the letters of single items of the desk table, of which the attacker reaches no other one."""
    letters = {title: _find_letters(attacker, DeskModel, key) for title, key in DESK_ITEMS.items()}
    return ", ".join(f"{found}, only {title}" for title, found in letters.items() if found)


def _join_kinds(letters: dict[str, str]) -> str:
    """Return the letters of the offers table, by kind of item if they differ."""
    if len(set(letters.values())) == 1:
        return next(iter(letters.values()))
    return "; ".join(f"{found} {kind}" for kind, found in letters.items() if found)


def _find_letters(attacker: Attacker, model: Any, item: str) -> str:
    """Return whether the attacker can read (R) and write (W) an item of a table."""
    calls_by_letter = {"R": _list_reads(model, item), "W": _list_writes(model, item)}
    return "".join(
        letter
        for letter, calls in calls_by_letter.items()
        if any(attacker.can("dynamodb", operation, **parameters) for operation, parameters in calls)
    )


def _list_reads(model: Any, item: str) -> Iterator[tuple[str, dict[str, Any]]]:
    table, key = model.Meta.table_name, model._hash_keyname
    yield "GetItem", {"TableName": table, "Key": {key: {"S": item}}}
    yield "BatchGetItem", {"RequestItems": {table: {"Keys": [{key: {"S": item}}]}}}
    yield "TransactGetItems", {"TransactItems": [{"Get": {"TableName": table, "Key": {key: {"S": item}}}}]}
    values = {":value": {"S": item}}
    query = {"KeyConditionExpression": f"{key} = :value", "ExpressionAttributeValues": values}
    yield "Query", {"TableName": table, **query}
    yield "Scan", {"TableName": table}
    for index in model._indexes.values():
        yield "Query", {"TableName": table, "IndexName": index.Meta.index_name, **query}
        yield "Scan", {"TableName": table, "IndexName": index.Meta.index_name}


def _list_writes(model: Any, item: str) -> Iterator[tuple[str, dict[str, Any]]]:
    table, key = model.Meta.table_name, model._hash_keyname
    yield "PutItem", {"TableName": table, "Item": {key: {"S": item}}}
    yield "UpdateItem", _update(model, item)
    yield "DeleteItem", {"TableName": table, "Key": {key: {"S": item}}}
    yield "BatchWriteItem", {"RequestItems": {table: [{"PutRequest": {"Item": {key: {"S": item}}}}]}}
    yield "DeleteTable", {"TableName": table}


def _update(model: Any, key: str) -> dict[str, Any]:
    return {
        "TableName": model.Meta.table_name,
        "Key": {model._hash_keyname: {"S": key}},
        "UpdateExpression": f"SET {HEARTBEAT_ATTRIBUTE} = :value",
        "ExpressionAttributeValues": {":value": {"S": "x"}},
    }


def list_parameters(attacker: Attacker) -> str:
    """Return the parameters that the attacker can read. No attacker can write or list parameters."""
    key = attacker.names.webhook_key
    for name in (key, FOREIGN_PARAMETER, UBUNTU):
        assert not attacker.can("ssm", "PutParameter", Name=name, Value="x")
        assert not attacker.can("ssm", "GetParameterHistory", Name=name)
    assert not attacker.can("ssm", "GetParametersByPath", Path="/")
    assert not attacker.can("ssm", "GetParameter", Name=FOREIGN_PARAMETER)
    candidates = {"webhook-key": key, "public AMI parameters": UBUNTU}
    return join_names(title for title, name in candidates.items() if attacker.can("ssm", "GetParameter", Name=name))


def list_documents(attacker: Attacker, target: Target) -> str:
    """Return the documents that the attacker can run on instances of the stage."""
    command_documents = {attacker.names.document(name) for name in list_document_names()}
    others = {attacker.names.document(name) for name in list_session_names()} | {AMAZON_DOCUMENT, FOREIGN_DOCUMENT}
    runnable = {
        name
        for name in command_documents | others
        if attacker.can("ssm", "SendCommand", DocumentName=name, InstanceIds=[target.own])
    }
    for name in command_documents | others:
        assert not attacker.can("ssm", "UpdateDocument", Name=name, Content="{}")
    assert runnable in (set(), command_documents)
    return "Command documents of the stage" if runnable else NONE
