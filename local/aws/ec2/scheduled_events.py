"""Scheduled events: DescribeInstanceStatus shows what AWS plans to do to an instance; it is done when it is due.

moto has no such events.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response
from moto.ec2.responses.instances import InstanceResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import RETIRED, TrackedInstance

DESCRIPTIONS = {
    "instance-retirement": "The instance is running on degraded hardware",
    "instance-stop": "The instance is running on degraded hardware",
    "instance-reboot": "The instance is scheduled for a reboot",
    "system-reboot": "The instance is scheduled for a reboot",
    "system-maintenance": "The instance is scheduled for maintenance",
}
"""Descriptions by code, for all codes of AWS."""

COMPLETED = "[Completed] "
COMPLETED_VISIBLE_FOR = timedelta(days=7)
"""Time in which a completed event can be described."""

MAX_PER_PAGE = 1000
EVENT_FILTERS = {
    "event.code": "Code",
    "event.description": "Description",
    "event.instance-event-id": "InstanceEventId",
}
STATE_FILTERS = ("instance-state-code", "instance-state-name")
AFFECTED_STATES = ("pending", "running")
"""States in which an instance uses the hardware of the event."""


@dataclass(frozen=True)
class ScheduledEvent:
    """One event of one instance.

    :param not_before: time at which it is carried out here; AWS may take until `not_after`
    :param completed_at: None until it is completed
    """

    event_id: str
    instance_id: str
    code: str
    description: str
    not_before: datetime
    not_after: datetime | None = None
    completed_at: datetime | None = None

    def describe(self) -> Mapping[str, Any]:
        """Return the event as DescribeInstanceStatus shows it."""
        return {
            "InstanceEventId": self.event_id,
            "Code": self.code,
            "Description": (COMPLETED if self.completed_at else "") + self.description,
            "NotBefore": self.not_before,
            **({"NotAfter": self.not_after} if self.not_after else {}),
        }


class ScheduledEvents:
    """Extension with scheduled events and DescribeInstanceStatus.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime], lifecycle: Lifecycle) -> None:
        """Start without events."""
        self._now = now
        self._lifecycle = lifecycle
        self._events: dict[str, ScheduledEvent] = {}

    def patch(self, patches: Patches) -> None:
        """Replace DescribeInstanceStatus."""
        patches.wrap(EC2Response, "describe_instance_status", self._extend_describe_status)

    def schedule(self, instance_id: str, code: str, not_before: datetime, not_after: datetime | None = None) -> str:
        """Schedule an event.

        :returns: id of the event
        :raises KeyError: the instance does not exist
        :raises ValueError: AWS has no such code
        """
        if code not in DESCRIPTIONS:
            raise ValueError(f"code must be one of {', '.join(DESCRIPTIONS)}, not {code!r}.")
        if instance_id not in self._lifecycle.instances:
            raise KeyError(instance_id)
        event_id = f"instance-event-{secrets.token_hex(8)}{secrets.randbelow(16):x}"
        self._events[event_id] = ScheduledEvent(event_id, instance_id, code, DESCRIPTIONS[code], not_before, not_after)
        return event_id

    def tick(self) -> None:
        """Carry out the events that are due, in order, and forget those that are no longer shown."""
        now = self._now()
        for event in sorted(self._events.values(), key=lambda event: event.not_before):
            tracked = self._lifecycle.instances.get(event.instance_id)
            if tracked is None or (event.completed_at and now - event.completed_at >= COMPLETED_VISIBLE_FOR):
                del self._events[event.event_id]
            elif event.completed_at is None:
                self._carry_out(event, tracked, now)

    def _carry_out(self, event: ScheduledEvent, tracked: TrackedInstance, now: datetime) -> None:
        """Carry out an event that is due.

        A stopped instance has left its hardware, so its event is completed at once.
        """
        if tracked.state not in AFFECTED_STATES:
            self._complete(event, now)
        elif event.not_before <= now:
            self._complete(event, event.not_before)
            match event.code:
                case "instance-retirement" | "instance-stop":
                    self._lifecycle.power_off(tracked, RETIRED, event.not_before)
                case "instance-reboot" | "system-reboot":
                    self._lifecycle.reboot(tracked)

    def _complete(self, event: ScheduledEvent, at: datetime) -> None:
        self._events[event.event_id] = replace(event, completed_at=at)

    def _extend_describe_status(self, _: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        def describe_instance_status(response: InstanceResponse) -> ActionResult:
            ids, limit = response._get_param("InstanceIds", []), response._get_int_param("MaxResults")
            if ids and limit:
                raise CloudError(
                    "InvalidParameterCombination",
                    "The parameter instancesSet cannot be used with the parameter maxResults",
                )
            event_filters, state_filters = _split_filters(response._filters_from_querystring())
            instances = response.ec2_backend.describe_instance_status(
                ids, response._get_bool_param("IncludeAllInstances", False), state_filters
            )
            statuses = [
                {**_describe_status(instance), "Events": events}
                for instance in instances
                if (events := self._describe_events(instance.id, event_filters)) or not event_filters
            ]
            start, limit = int(response._get_param("NextToken") or 0), limit or MAX_PER_PAGE
            more = {"NextToken": str(start + limit)} if start + limit < len(statuses) else {}
            return ActionResult({"InstanceStatuses": statuses[start : start + limit], **more})

        return describe_instance_status

    def _describe_events(self, instance_id: str, filters: Mapping[str, Sequence[str]]) -> list[Mapping[str, Any]]:
        """Return all events of an instance, or an empty list if a filter matches none of them."""
        described = [event.describe() for event in self._events.values() if event.instance_id == instance_id]
        is_selected = all(
            any(event[EVENT_FILTERS[name]] in values for event in described) for name, values in filters.items()
        )
        return described if is_selected else []


def _split_filters(filters: Mapping[str, Sequence[str]]) -> tuple[Mapping[str, Sequence[str]], list[Mapping[str, Any]]]:
    """Return the filters on events, and the others in moto's form.

    :raises CloudError: the filter is unknown to AWS or to the local cloud; AWS has no filter on tags here
    """
    for name in filters:
        if name not in (*EVENT_FILTERS, *STATE_FILTERS):
            raise CloudError("InvalidParameterValue", f"The filter '{name}' is invalid")
    event_filters = {name: values for name, values in filters.items() if name in EVENT_FILTERS}
    state_filters: list[Mapping[str, Any]] = [
        {"name": name, "values": values} for name, values in filters.items() if name in STATE_FILTERS
    ]
    return event_filters, state_filters


def _describe_status(instance: Any) -> Mapping[str, Any]:
    return {
        "AvailabilityZone": instance.availability_zone,
        "InstanceId": instance.id,
        "InstanceState": {"Code": instance.state_code, "Name": instance.state},
        "InstanceStatus": instance.instance_status,
        "SystemStatus": instance.system_status,
    }
