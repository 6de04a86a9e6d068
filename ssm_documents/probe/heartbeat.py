"""The heartbeat: one write to this instance's own item of the desk's table, whose answer brings the desk's orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTES, encode_heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, decode_response


class HeartbeatClient:
    """One item of the table.

    :param update_item: that of boto3's DynamoDB client
    :param key: the item's id; the desk made the item, and this never makes one
    """

    def __init__(self, update_item: Callable[..., Mapping[str, Any]], table: str, key: str) -> None:
        self._update_item = update_item
        self._table = table
        self._key = key
        self._serializer = TypeSerializer()
        self._deserializer = TypeDeserializer()

    def send(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        """Write it, and take away what it has no more.

        :returns: the desk's orders; None where it has given none yet
        :raises botocore.exceptions.BotoCoreError, ClientError: it did not get through
        :raises KeyError, TypeError, ValueError: it did, and the answer makes no sense
        """
        plain = encode_heartbeat(heartbeat, self._key)
        absent = [name for name in HEARTBEAT_ATTRIBUTES if name not in plain]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in plain)
        if absent:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in absent)
        answer = self._update_item(
            TableName=self._table,
            Key={"id": {"S": self._key}},
            UpdateExpression=expression,
            ConditionExpression="attribute_exists(#id)",
            ExpressionAttributeNames={f"#{name}": name for name in (*HEARTBEAT_ATTRIBUTES, "id")},
            ExpressionAttributeValues={f":{name}": self._serializer.serialize(value) for name, value in plain.items()},
            ReturnValues="ALL_NEW",
        )
        item = answer["Attributes"]
        return decode_response(self._deserializer.deserialize(item["response"])) if "response" in item else None
