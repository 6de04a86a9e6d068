"""Calls of DynamoDB and the access checks that IAM makes for them."""

from tests.local.aws.iam.access_checks import TABLE
from tests.local.aws.iam.expected_checks import ExpectedChecks

DYNAMODB_CALLS: tuple[ExpectedChecks, ...] = (
    (
        "dynamodb",
        "UpdateItem",
        {
            "TableName": "things",
            "Key": {"id": {"S": "x"}},
            "UpdateExpression": "SET #0 = :0, shape.depth[1] = if_not_exists(shape.depth[1], :1) REMOVE old",
            "ConditionExpression": "attribute_exists (#1) AND NOT contains(notes, :0)",
            "ExpressionAttributeNames": {"#0": "heartbeat", "#1": "id"},
            "ReturnValues": "ALL_NEW",
        },
        [
            (
                "dynamodb:UpdateItem",
                TABLE,
                {
                    "dynamodb:LeadingKeys": ("x",),
                    "dynamodb:Attributes": ("heartbeat", "id", "notes", "old", "shape"),
                    "dynamodb:ReturnValues": "ALL_NEW",
                },
            )
        ],
    ),
    (
        "dynamodb",
        "Query",
        {
            "TableName": TABLE,
            "IndexName": "by-owner",
            "KeyConditionExpression": "#0 = :0 AND #1 < :1",
            "ExpressionAttributeNames": {"#0": "owner", "#1": "at"},
            "ExpressionAttributeValues": {":0": {"S": "ada"}, ":1": {"N": "5"}},
        },
        [
            (
                "dynamodb:Query",
                f"{TABLE}/index/by-owner",
                {"dynamodb:LeadingKeys": ("ada",), "dynamodb:Attributes": ("at", "owner")},
            )
        ],
    ),
    (
        "dynamodb",
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": {"TableName": "things", "Item": {"id": {"S": "x"}}}},
                {"ConditionCheck": {"TableName": "things", "Key": {"id": {"S": "y"}}}},
            ]
        },
        [
            (action, TABLE, {"dynamodb:LeadingKeys": (key,), "dynamodb:EnclosingOperation": "TransactWriteItems"})
            for action, key in (("dynamodb:PutItem", "x"), ("dynamodb:ConditionCheckItem", "y"))
        ],
    ),
    (
        "dynamodb",
        "BatchGetItem",
        {"RequestItems": {"things": {"Keys": [{"id": {"S": "x"}}, {"id": {"N": "5"}}]}}},
        [("dynamodb:BatchGetItem", TABLE, {"dynamodb:LeadingKeys": ("x", "5"), "dynamodb:Attributes": ("id",)})],
    ),
    (
        "dynamodb",
        "BatchWriteItem",
        {"RequestItems": {"things": [{"DeleteRequest": {"Key": {"id": {"S": "x"}}}}]}},
        [("dynamodb:BatchWriteItem", TABLE, {"dynamodb:LeadingKeys": ("x",)})],
    ),
    ("dynamodb", "Scan", {"TableName": "things"}, [("dynamodb:Scan", TABLE, {})]),
)
