"""Numbers that DynamoDB refuses and moto stores.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.dynamodb.exceptions import MockValidationException

from local.aws.dynamodb.number_ranges import check_number
from tests.local.aws.conftest import create_table


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "1E-130", "-9.9e125", "0e999", "9" * 38, "9" * 38 + "0" * 80])
def test_number_in_range_is_accepted(number: str) -> None:
    check_number(number)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("1e-131", "Number underflow"),
        ("-1e-300", "Number underflow"),
        ("1e126", "Number overflow"),
        ("1" * 39, "more than 38 significant digits"),
        ("0." + "1" * 39, "more than 38 significant digits"),
        ("NaN", "cannot be converted"),
        ("Infinity", "cannot be converted"),
        ("", "cannot be converted"),
        ("one", "cannot be converted"),
    ],
)
def test_number_out_of_range_is_refused(number: str, message: str) -> None:
    with pytest.raises(MockValidationException, match=message):
        check_number(number)


def test_every_write_checks_numbers_and_stores_nothing(dynamodb: Any) -> None:
    create_table(dynamodb, "t")
    item = {"id": {"S": '"N": "no number"'}, "m": {"M": {"l": {"L": [{"N": "1e-300"}]}}}}
    update = {
        "TableName": "t",
        "Key": {"id": {"S": "a"}},
        "UpdateExpression": "SET n = :n",
        "ExpressionAttributeValues": {":n": {"N": "1e300"}},
    }
    calls: tuple[Callable[[], Any], ...] = (
        lambda: dynamodb.put_item(TableName="t", Item=item),
        lambda: dynamodb.update_item(**update),
        lambda: dynamodb.batch_write_item(RequestItems={"t": [{"PutRequest": {"Item": item}}]}),
        lambda: dynamodb.transact_write_items(TransactItems=[{"Update": update}]),
    )
    for call in calls:
        with pytest.raises(ClientError, match=r"ValidationException.*Number"):
            call()
    assert dynamodb.scan(TableName="t")["Count"] == 0
    dynamodb.put_item(TableName="t", Item={"id": item["id"]})
