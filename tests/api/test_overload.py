"""Answers while DynamoDB is throttled, does not respond or rejects a write."""

from collections.abc import Callable

import pytest

from chalicelib.store.conflicts import MAX_ATTEMPTS
from local.aws.core.faults import Faults
from tests.api.client import Answer, Bench

InjectFault = Callable[[Faults], None]
Send = Callable[[Bench], Answer]


def launch(bench: Bench) -> Answer:
    return bench.ada("POST", "/instances", {"gpu": "T4"})


def list_instances(bench: Bench) -> Answer:
    return bench.ada("GET", "/instances")


def search_offers(bench: Bench) -> Answer:
    return bench.ada("GET", "/offers?gpu=T4")


def adopt(bench: Bench) -> Answer:
    return bench.root("POST", "/instances/adopt", {"instance_id": "i-00000001", "owner": "ada", "region": "us-east-1"})


def test_launch_whose_record_dynamodb_never_accepts_is_answered_422(bench: Bench) -> None:
    bench.world.cloud.faults.inject("TransactWriteItems", "ValidationException")
    answer = launch(bench)
    assert (answer.status, answer.json["code"]) == (422, "invalid_request")
    assert "DynamoDB rejects its record" in answer.json["detail"]


@pytest.mark.parametrize(
    ("inject", "send"),
    [
        (lambda faults: faults.inject("Query", "ProvisionedThroughputExceededException", status=400), list_instances),
        (lambda faults: faults.drop_response("Query"), list_instances),
        (lambda faults: faults.inject_hang("Query"), list_instances),
        (lambda faults: faults.inject_hang("GetItem"), list_instances),
        (lambda faults: faults.inject_hang("BatchGetItem"), search_offers),
        (lambda faults: faults.inject_hang("TransactWriteItems"), launch),
        (lambda faults: faults.cancel(reason="ThrottlingError"), launch),
        (lambda faults: faults.cancel(reason="ProvisionedThroughputExceeded"), launch),
        (lambda faults: faults.inject("TransactWriteItems", "ReplicatedWriteConflictException"), launch),
        (lambda faults: faults.inject("TransactWriteItems", "TransactionInProgressException"), launch),
        (lambda faults: faults.inject_conflict("PutItem", times=MAX_ATTEMPTS), adopt),
    ],
)
def test_request_is_answered_503_and_can_be_repeated(bench: Bench, inject: InjectFault, send: Send) -> None:
    inject(bench.world.cloud.faults)
    answer = send(bench)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "overloaded", "5")
    assert send(bench).status in (200, 202)


def test_short_conflict_with_a_transaction_is_not_an_overload(bench: Bench) -> None:
    for operation, send in (("PutItem", adopt), ("TransactWriteItems", launch)):
        bench.world.cloud.faults.inject_conflict(operation, times=MAX_ATTEMPTS - 1)
        assert send(bench).status in (200, 202)


def test_launch_that_always_conflicts_with_other_transactions_is_answered_409(bench: Bench) -> None:
    bench.world.cloud.faults.inject_conflict(times=MAX_ATTEMPTS)
    answer = launch(bench)
    assert (answer.status, answer.json["code"]) == (409, "concurrent_update")
