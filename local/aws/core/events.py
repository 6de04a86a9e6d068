"""Events in the shapes that EventBridge gives to a Lambda function."""

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

Event = Mapping[str, Any]


def _envelope(
    source: str, detail_type: str, at: datetime, account: str, region: str, resources: Sequence[str], detail: Event
) -> Event:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": list(resources),
        "detail": dict(detail),
    }


def instance_state_changed(at: datetime, account: str, region: str, instance_id: str, state: str) -> Event:
    """`state` is EC2's word: pending, running, stopping, stopped, shutting-down or terminated."""
    return _envelope(
        "aws.ec2",
        "EC2 Instance State-change Notification",
        at,
        account,
        region,
        [f"arn:aws:ec2:{region}:{account}:instance/{instance_id}"],
        {"instance-id": instance_id, "state": state},
    )


def command_changed(at: datetime, account: str, region: str, instance_ids: Sequence[str], detail: Event) -> Event:
    """`detail` holds command-id, document-name, expire-after, parameters, requested-date-time and status."""
    return _envelope(
        "aws.ssm",
        "EC2 Command Status-change Notification",
        at,
        account,
        region,
        [f"arn:aws:ec2:{region}:{account}:instance/{instance_id}" for instance_id in instance_ids],
        detail,
    )


def invocation_changed(at: datetime, account: str, region: str, instance_id: str, detail: Event) -> Event:
    """`detail` holds command-id, document-name, requested-date-time and status; the instance is added."""
    return _envelope(
        "aws.ssm",
        "EC2 Command Invocation Status-change Notification",
        at,
        account,
        region,
        [f"arn:aws:ec2:{region}:{account}:instance/{instance_id}"],
        {**detail, "instance-id": instance_id},
    )


def schedule_due(at: datetime, account: str, region: str, rule: str) -> Event:
    """What a rule with a rate or a cron expression sends."""
    arn = f"arn:aws:events:{region}:{account}:rule/{rule}"
    return _envelope("aws.events", "Scheduled Event", at, account, region, [arn], {})


class EventLog:
    """Everything that happened, in order, for whoever delivers it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def emit(self, event: Event) -> None:
        with self._lock:
            self._events.append(event)

    def since(self, position: int) -> list[Event]:
        """The events after the first `position` ones."""
        with self._lock:
            return self._events[position:]
