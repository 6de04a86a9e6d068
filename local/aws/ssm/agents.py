"""SSM agents: registration, ping status, and DescribeInstanceInformation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import TrackedInstance

AGENT_VERSION = "3.3.3050.0"
MAX_PER_PAGE = 50


@dataclass
class Registration:
    """SSM's record of an agent. It outlives the boot in which the agent registered."""

    registered_at: datetime
    last_ping: datetime


class Agents:
    """Agents of all instances. An agent registers some time after each boot, unless it is silenced.

    :param now: returns the cloud's time
    """

    def __init__(self, timing: AwsTiming, now: Callable[[], datetime], lifecycle: Lifecycle) -> None:
        """Start without registrations."""
        self._timing = timing
        self._now = now
        self._lifecycle = lifecycle
        self._registrations: dict[str, Registration] = {}
        self._silent: set[str] = set()
        self._is_silent_by_default = False
        self._known_before_silence: set[str] = set()
        lifecycle.on_halt.append(self._update_registration)

    def patch(self, patches: Patches) -> None:
        """Add DescribeInstanceInformation."""
        patches.add(SimpleSystemManagerResponse, "describe_instance_information", self._build_describe_information())

    def silence(self, instance_id: str | None = None) -> None:
        """Stop the pings of an agent.

        :param instance_id: None silences the agents of all instances launched from now on
        """
        self._lifecycle.tick()
        if instance_id is None:
            self._known_before_silence |= set(self._lifecycle.instances)
            self._is_silent_by_default = True
            return
        tracked = self._lifecycle.instances.get(instance_id)
        if tracked:
            self._update_registration(tracked, self._now())
        self._silent.add(instance_id)

    def unsilence(self, instance_id: str | None = None) -> None:
        """Undo `silence` with the same argument."""
        if instance_id is None:
            self._is_silent_by_default = False
        else:
            self._silent.discard(instance_id)

    def is_reachable(self, instance_id: str) -> bool:
        """Return whether a command sent now reaches the instance."""
        tracked = self._lifecycle.instances.get(instance_id)
        return tracked is not None and self._find_online_since(tracked, self._now()) is not None

    def can_receive_commands(self, instance_id: str) -> bool:
        """Return whether SendCommand accepts the instance: it is running, and its agent has registered before."""
        tracked = self._lifecycle.instances.get(instance_id)
        return tracked is not None and tracked.state == "running" and self.find_registration(tracked) is not None

    def find_registration(self, tracked: TrackedInstance) -> Registration | None:
        """Return SSM's present record of the agent; None before its first registration."""
        self._update_registration(tracked, self._now())
        return self._registrations.get(tracked.instance.id)

    def _is_silent(self, instance_id: str) -> bool:
        return instance_id in self._silent or (
            self._is_silent_by_default and instance_id not in self._known_before_silence
        )

    def _find_online_since(self, tracked: TrackedInstance, at: datetime) -> datetime | None:
        if tracked.running_since is None or self._is_silent(tracked.instance.id):
            return None
        since = tracked.running_since + self._timing.agent_online_after
        if tracked.is_bare_metal:
            since += self._timing.bare_metal_boot_for
        return since if since <= at else None

    def _update_registration(self, tracked: TrackedInstance, at: datetime) -> None:
        since = self._find_online_since(tracked, at)
        if since is None:
            return
        last_ping = at - (at - since) % self._timing.ping_interval
        registration = self._registrations.setdefault(tracked.instance.id, Registration(since, last_ping))
        registration.last_ping = last_ping

    def _build_describe_information(self) -> Callable[[Any], ActionResult]:
        def describe_instance_information(response: Any) -> ActionResult:
            filters = _read_filters(response)
            limit = response._get_int_param("MaxResults", MAX_PER_PAGE)
            if not 5 <= limit <= MAX_PER_PAGE:
                raise CloudError("ValidationException", "MaxResults must be 5 to 50.")
            agents = [
                self._describe_agent(tracked, registration)
                for tracked in self._lifecycle.instances.values()
                if (tracked.account, tracked.region) == (response.current_account, response.region)
                and (registration := self.find_registration(tracked))
                and all(tracked.matches_target(key, values) for key, values in filters)
            ]
            start = _parse_token(response._get_param("NextToken"))
            page = agents[start : start + limit]
            token = str(start + limit) if start + limit < len(agents) else None
            return ActionResult({"InstanceInformationList": page, "NextToken": token})

        return describe_instance_information

    def _describe_agent(self, tracked: TrackedInstance, registration: Registration) -> Mapping[str, Any]:
        is_lost = self._now() - registration.last_ping > self._timing.ping_lost_after
        spec = self._lifecycle.build_machine_spec(tracked)
        return {
            "InstanceId": tracked.instance.id,
            "PingStatus": "ConnectionLost" if is_lost else "Online",
            "LastPingDateTime": registration.last_ping,
            "RegistrationDate": registration.registered_at,
            "AgentVersion": AGENT_VERSION,
            "IsLatestVersion": True,
            "PlatformType": "Linux",
            "PlatformName": spec.platform_name,
            "PlatformVersion": spec.platform_version,
            "ResourceType": "EC2Instance",
            "IPAddress": tracked.instance.private_ip if tracked.state != "terminated" else "",
            "ComputerName": f"{tracked.instance.id}.{tracked.region}.compute.internal",
            "SourceId": tracked.instance.id,
            "SourceType": "AWS::EC2::Instance",
        }


def _read_filters(response: Any) -> list[tuple[str, Sequence[str]]]:
    """Return the filters of both parameters that the call has for them."""
    filters = [(entry["Key"], entry["Values"]) for entry in response._get_param("Filters", [])]
    legacy_filters = response._get_param("InstanceInformationFilterList", [])
    return filters + [(entry["key"], entry["valueSet"]) for entry in legacy_filters]


def _parse_token(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise CloudError("InvalidNextToken", "The specified token isn't valid.")
    return int(token)
