"""Events in the form in which EventBridge passes them to a Lambda function, and a log of them."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

Event = Mapping[str, Any]


@dataclass(frozen=True)
class EventOrigin:
    """Time and place of an event.

    :param at: time on the cloud's clock
    """

    at: datetime
    account: str
    region: str

    def build_instance_arns(self, instance_ids: Sequence[str]) -> list[str]:
        """Return the ARNs of EC2 instances of this account and region."""
        return [f"arn:aws:ec2:{self.region}:{self.account}:instance/{instance_id}" for instance_id in instance_ids]

    def build_event(self, source: str, detail_type: str, resources: Sequence[str], detail: Event) -> Event:
        """Return the event with the fields that all events have.

        :param source: service, for example `aws.ec2`
        :param resources: ARNs of what the event is about
        :param detail: fields of this type of event
        """
        return {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self.account,
            "time": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.region,
            "resources": list(resources),
            "detail": dict(detail),
        }


def build_instance_state_change(origin: EventOrigin, instance_id: str, state: str) -> Event:
    """Return the event for a new state of an instance.

    :param state: pending, running, stopping, stopped, shutting-down or terminated
    """
    return origin.build_event(
        "aws.ec2",
        "EC2 Instance State-change Notification",
        origin.build_instance_arns([instance_id]),
        {"instance-id": instance_id, "state": state},
    )


def build_interruption_warning(origin: EventOrigin, instance_id: str, action: str) -> Event:
    """Return the event that EC2 interrupts a spot instance in two minutes.

    :param action: stop, terminate or hibernate
    """
    return origin.build_event(
        "aws.ec2",
        "EC2 Spot Instance Interruption Warning",
        origin.build_instance_arns([instance_id]),
        {"instance-id": instance_id, "instance-action": action},
    )


def build_rebalance_recommendation(origin: EventOrigin, instance_id: str) -> Event:
    """Return the event that EC2 sees a higher risk of an interruption."""
    return origin.build_event(
        "aws.ec2",
        "EC2 Instance Rebalance Recommendation",
        origin.build_instance_arns([instance_id]),
        {"instance-id": instance_id},
    )


def build_command_status_change(origin: EventOrigin, instance_ids: Sequence[str], detail: Event) -> Event:
    """Return the event for a new status of a command.

    :param detail: command-id, document-name, expire-after, parameters, requested-date-time and status
    """
    resources = origin.build_instance_arns(instance_ids)
    return origin.build_event("aws.ssm", "EC2 Command Status-change Notification", resources, detail)


def build_invocation_status_change(origin: EventOrigin, instance_id: str, detail: Event) -> Event:
    """Return the event for a new status of a command on one instance.

    :param detail: command-id, document-name, requested-date-time and status; instance-id is added
    """
    return origin.build_event(
        "aws.ssm",
        "EC2 Command Invocation Status-change Notification",
        origin.build_instance_arns([instance_id]),
        {**detail, "instance-id": instance_id},
    )


def build_scheduled_event(origin: EventOrigin, rule: str) -> Event:
    """Return the event of a rule with a rate or cron expression."""
    arn = f"arn:aws:events:{origin.region}:{origin.account}:rule/{rule}"
    return origin.build_event("aws.events", "Scheduled Event", [arn], {})


class EventLog:
    """All events in order. Any thread may write and read."""

    def __init__(self) -> None:
        """Create an empty log."""
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Append an event."""
        with self._lock:
            self._events.append(event)

    def read_since(self, position: int) -> list[Event]:
        """Return the events after the first `position` ones."""
        with self._lock:
            return self._events[position:]
