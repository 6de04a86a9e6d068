"""Answers while DynamoDB is throttled or does not respond."""

from collections.abc import Callable

import pytest

from local.aws.core.faults import Faults
from tests.api.client import Answer, Bench

InjectFault = Callable[[Faults], None]
Send = Callable[[Bench], Answer]


def launch(bench: Bench) -> Answer:
    return bench.ada("POST", "/instances", {"gpu": "T4"})


def list_instances(bench: Bench) -> Answer:
    return bench.ada("GET", "/instances")


def set_max_hours(bench: Bench) -> Answer:
    return bench.ada("PATCH", "/owners/ada", {"max_hours": 8})


@pytest.mark.parametrize(
    ("inject", "send"),
    [
        (lambda faults: faults.inject("Query", "ProvisionedThroughputExceededException", status=400), list_instances),
        (lambda faults: faults.drop_response("Query"), list_instances),
        (lambda faults: faults.inject_hang("Query"), list_instances),
        (lambda faults: faults.inject_hang("GetItem"), list_instances),
        (lambda faults: faults.inject_hang("TransactWriteItems"), launch),
        (lambda faults: faults.cancel(reason="ThrottlingError"), launch),
        (lambda faults: faults.cancel(reason="ProvisionedThroughputExceeded"), launch),
        (lambda faults: faults.inject("TransactWriteItems", "ReplicatedWriteConflictException"), launch),
        (lambda faults: faults.inject("TransactWriteItems", "TransactionInProgressException"), launch),
        (lambda faults: faults.inject_conflict("PutItem"), set_max_hours),
    ],
)
def test_request_is_answered_503_and_can_be_repeated(bench: Bench, inject: InjectFault, send: Send) -> None:
    inject(bench.world.cloud.faults)
    answer = send(bench)
    assert (answer.status, answer.json["code"], answer.headers["retry-after"]) == (503, "overloaded", "5")
    assert send(bench).status in (200, 202)
