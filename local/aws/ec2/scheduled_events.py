"""What AWS itself plans to do to an instance: announced by DescribeInstanceStatus, and carried out when it is due.

moto has no such events. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instances-status-check_sched.html
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
"""By code: all that there are."""

COMPLETED = "[Completed] "
SHOWN_FOR = timedelta(days=7)
"""How long a completed event can still be described."""

MAX_PER_PAGE = 1000
EVENT_FILTERS = {
    "event.code": "Code",
    "event.description": "Description",
    "event.instance-event-id": "InstanceEventId",
}
STATE_FILTERS = ("instance-state-code", "instance-state-name")
PLANNED = ("pending", "running")
"""States in which an instance still is on the hardware that the event is about."""


@dataclass(frozen=True)
class ScheduledEvent:
    """One event of one instance.

    :param not_before: when it comes true here; AWS may take until `not_after`
    :param completed_at: None while it is to come
    """

    event_id: str
    instance_id: str
    code: str
    description: str
    not_before: datetime
    not_after: datetime | None = None
    completed_at: datetime | None = None

    def described(self) -> Mapping[str, Any]:
        """As DescribeInstanceStatus shows it."""
        return {
            "InstanceEventId": self.event_id,
            "Code": self.code,
            "Description": (COMPLETED if self.completed_at else "") + self.description,
            "NotBefore": self.not_before,
            **({"NotAfter": self.not_after} if self.not_after else {}),
        }


class ScheduledEvents:
    """Events by their ids, and DescribeInstanceStatus.

    :param now: the cloud's time
    """

    def __init__(self, now: Callable[[], datetime], lifecycle: Lifecycle) -> None:
        self._now = now
        self._lifecycle = lifecycle
        self._events: dict[str, ScheduledEvent] = {}

    def patch(self, patches: Patches) -> None:
        patches.wrap(EC2Response, "describe_instance_status", self._describe)

    def schedule(self, instance_id: str, code: str, not_before: datetime, not_after: datetime | None = None) -> str:
        """Plan one.

        :returns: the event's id
        :raises KeyError: there is no such instance
        :raises ValueError: AWS has no such code
        """
        if code not in DESCRIPTIONS:
            raise ValueError(f"a code is one of {', '.join(DESCRIPTIONS)}, not {code!r}")
        if instance_id not in self._lifecycle.instances:
            raise KeyError(instance_id)
        event_id = f"instance-event-{secrets.token_hex(8)}{secrets.randbelow(16):x}"
        self._events[event_id] = ScheduledEvent(event_id, instance_id, code, DESCRIPTIONS[code], not_before, not_after)
        return event_id

    def tick(self) -> None:
        """Do what is due by now, in its order; forget what nobody can describe any more."""
        now = self._now()
        for event in sorted(self._events.values(), key=lambda event: event.not_before):
            life = self._lifecycle.instances.get(event.instance_id)
            if life is None or (event.completed_at and now - event.completed_at >= SHOWN_FOR):
                del self._events[event.event_id]
            elif event.completed_at is None:
                self._look_at(event, life, now)

    def _look_at(self, event: ScheduledEvent, life: TrackedInstance, now: datetime) -> None:
        """Whoever stops an instance takes it off its hardware: then nothing is left to be done to it."""
        if life.state not in PLANNED:
            self._complete(event, now)
        elif event.not_before <= now:
            self._complete(event, event.not_before)
            match event.code:
                case "instance-retirement" | "instance-stop":
                    self._lifecycle.switch_off(life, RETIRED, event.not_before)
                case "instance-reboot" | "system-reboot":
                    self._lifecycle.reboot(life)

    def _complete(self, event: ScheduledEvent, at: datetime) -> None:
        self._events[event.event_id] = replace(event, completed_at=at)

    def _describe(self, _: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        def describe_instance_status(response: InstanceResponse) -> ActionResult:
            ids, most = response._get_param("InstanceIds", []), response._get_int_param("MaxResults")
            if ids and most:
                raise CloudError(
                    "InvalidParameterCombination",
                    "The parameter instancesSet cannot be used with the parameter maxResults",
                )
            about_events, others = _split(response._filters_from_querystring())
            found = response.ec2_backend.describe_instance_status(
                ids, response._get_bool_param("IncludeAllInstances", False), others
            )
            statuses = [
                {**_status(instance), "Events": events}
                for instance in found
                if (events := self._events_of(instance.id, about_events)) or not about_events
            ]
            start, most = int(response._get_param("NextToken") or 0), most or MAX_PER_PAGE
            more = {"NextToken": str(start + most)} if start + most < len(statuses) else {}
            return ActionResult({"InstanceStatuses": statuses[start : start + most], **more})

        return describe_instance_status

    def _events_of(self, instance_id: str, filters: Mapping[str, Sequence[str]]) -> list[Mapping[str, Any]]:
        """Its events; none where no event passes the filters."""
        described = [event.described() for event in self._events.values() if event.instance_id == instance_id]
        is_asked_for = all(
            any(event[EVENT_FILTERS[name]] in values for event in described) for name, values in filters.items()
        )
        return described if is_asked_for else []


def _split(filters: Mapping[str, Sequence[str]]) -> tuple[Mapping[str, Sequence[str]], list[Mapping[str, Any]]]:
    """Filters on events, and the others as moto wants them.

    :raises CloudError: neither AWS nor the local cloud knows one; AWS has none on tags here
    """
    for name in filters:
        if name not in (*EVENT_FILTERS, *STATE_FILTERS):
            raise CloudError("InvalidParameterValue", f"The filter '{name}' is invalid")
    about_events = {name: values for name, values in filters.items() if name in EVENT_FILTERS}
    others: list[Mapping[str, Any]] = [
        {"name": name, "values": values} for name, values in filters.items() if name in STATE_FILTERS
    ]
    return about_events, others


def _status(instance: Any) -> Mapping[str, Any]:
    return {
        "AvailabilityZone": instance.availability_zone,
        "InstanceId": instance.id,
        "InstanceState": {"Code": instance.state_code, "Name": instance.state},
        "InstanceStatus": instance.instance_status,
        "SystemStatus": instance.system_status,
    }
