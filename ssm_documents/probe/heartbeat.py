"""The heartbeat client: writes this instance's item of the heartbeat table and reads gpudesk's response from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTES, encode_heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, decode_response


class HeartbeatClient:
    """Access to one item of the heartbeat table.

    :param update_item: the method of boto3's DynamoDB client
    :param key: id of the item; gpudesk creates the item, and the probe never does
    """

    def __init__(self, update_item: Callable[..., Mapping[str, Any]], table: str, key: str) -> None:
        self._update_item = update_item
        self._table = table
        self._key = key
        self._serializer = TypeSerializer()
        self._deserializer = TypeDeserializer()

    def send(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        """Write a heartbeat. Attributes that it lacks are removed from the item.

        :returns: gpudesk's response; None: there is none yet
        :raises botocore.exceptions.BotoCoreError, ClientError: the heartbeat was not written
        :raises KeyError, TypeError, ValueError: the heartbeat was written, but the response is invalid
        """
        plain = encode_heartbeat(heartbeat, self._key)
        absent = [name for name in HEARTBEAT_ATTRIBUTES if name not in plain]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in plain)
        if absent:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in absent)
        result = self._update_item(
            TableName=self._table,
            Key={"id": {"S": self._key}},
            UpdateExpression=expression,
            ConditionExpression="attribute_exists(#id)",
            ExpressionAttributeNames={f"#{name}": name for name in (*HEARTBEAT_ATTRIBUTES, "id")},
            ExpressionAttributeValues={f":{name}": self._serializer.serialize(value) for name, value in plain.items()},
            ReturnValues="ALL_NEW",
        )
        item = result["Attributes"]
        return decode_response(self._deserializer.deserialize(item["response"])) if "response" in item else None
