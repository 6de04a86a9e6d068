"""A table of heartbeats in a DynamoDB that machines can reach, as gpudesk reads and writes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse, encode_response


class HeartbeatTable:
    """A table with the heartbeat of one instance.

    :ivar endpoint: URL of the DynamoDB
    """

    def __init__(self, client: Any, endpoint: str, name: str) -> None:
        """Create the table."""
        self._client = client
        self._key: dict[str, Any] = {}
        self.endpoint = endpoint
        self.name = name
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def add(self, key: str) -> None:
        """Add the item of an instance, as gpudesk does at a launch."""
        self._key = {"id": {"S": key}}
        self._client.put_item(TableName=self.name, Item=self._key)

    def read(self) -> Heartbeat:
        """Return the last heartbeat of the instance."""
        item = self._client.get_item(TableName=self.name, Key=self._key)["Item"]
        heartbeat = decode_heartbeat(item["heartbeat"]["S"])
        assert isinstance(heartbeat, Heartbeat), heartbeat
        return heartbeat

    def respond(self, response: HeartbeatResponse) -> None:
        """Write the response that the instance reads with its next heartbeat."""
        self._client.update_item(
            TableName=self.name,
            Key=self._key,
            UpdateExpression="SET #response = :response",
            ExpressionAttributeNames={"#response": "response"},
            ExpressionAttributeValues={":response": {"S": encode_response(response)}},
        )


@contextmanager
def serve_heartbeat_table(name: str = "heartbeats") -> Iterator[HeartbeatTable]:
    """Serve a DynamoDB on a free port of this computer."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    try:
        yield HeartbeatTable(client, endpoint, name)
    finally:
        client.close()
        server.stop()
