"""The heartbeat client: writes this instance's item of the heartbeat table and reads gpudesk's response from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_encoding import HEARTBEAT_ATTRIBUTE, encode_heartbeat
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

    def send(self, heartbeat: Heartbeat) -> HeartbeatResponse | None:
        """Write a heartbeat.

        :returns: gpudesk's response; None: there is none yet
        :raises botocore.exceptions.BotoCoreError, ClientError: the heartbeat was not written
        :raises KeyError, TypeError, ValueError: the heartbeat was written, but the response is invalid
        """
        text = encode_heartbeat(heartbeat, self._key)
        result = self._update_item(
            TableName=self._table,
            Key={"id": {"S": self._key}},
            UpdateExpression="SET #heartbeat = :heartbeat",
            ConditionExpression="attribute_exists(#id)",
            ExpressionAttributeNames={"#heartbeat": HEARTBEAT_ATTRIBUTE, "#id": "id"},
            ExpressionAttributeValues={":heartbeat": {"S": text}},
            ReturnValues="ALL_NEW",
        )
        response = result["Attributes"].get("response")
        return decode_response(response["S"]) if response else None
