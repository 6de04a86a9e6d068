"""Permission of an event source mapping to read its stream: Lambda reads it with the role of the function.

https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html
"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from local.aws.iam.access_checks.call import Call
from local.aws.iam.enforcement import Enforcement
from local.deployed.service_calls import LAMBDA, ServiceSession, find_refusal
from local.deployed.stream import StreamMapping

logger = logging.getLogger(__name__)

RETRY_AFTER = timedelta(minutes=1)
"""Time after a refusal for which the stream is not read. Lambda's own waits are not documented."""


class StreamPermission:
    """Decides each reading of a stream. The records themselves come from the local cloud, without calls.

    :param role: ARN of the role of the function
    :param now: returns the cloud's time
    """

    def __init__(
        self, enforcement: Enforcement, mapping: StreamMapping, role: str, now: Callable[[], datetime]
    ) -> None:
        """Start without a refusal."""
        self._enforcement = enforcement
        self._mapping = mapping
        self._role = role
        self._now = now
        self._retry_at: datetime | None = None

    def may_read(self) -> bool:
        """Return whether the role allows what Lambda calls for a reading. A refusal is counted once a minute."""
        now = self._now()
        if self._retry_at is not None and now < self._retry_at:
            return False
        session = ServiceSession(LAMBDA, self._role, self._mapping.function_arn.split(":")[6])
        refusal = find_refusal(self._enforcement, session, self._list_calls())
        if refusal:
            logger.warning("The stream of %s is not read: %s", self._mapping.table, refusal)
        self._retry_at = now + RETRY_AFTER if refusal else None
        return refusal is None

    def _list_calls(self) -> Iterator[Call]:
        """Yield what Lambda calls to find the shard of a stream and to read it."""
        stream = self._mapping.stream
        _, partition, _, region, account, _ = stream.split(":", 5)
        for operation, parameters in (
            ("ListStreams", {}),
            ("DescribeStream", {"StreamArn": stream}),
            ("GetShardIterator", {"StreamArn": stream}),
            ("GetRecords", {"ShardIterator": f"{stream}|1|"}),
        ):
            yield Call("dynamodbstreams", operation, parameters, region, account, partition)
