"""SSM agents: registration, ping status, and DescribeInstanceInformation.

An agent asks once after each boot whether the role of its instance lets it connect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws.core.errors import CloudError
from local.aws.core.faults import Faults
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.tracked_instance import TrackedInstance
from local.aws.ssm.agent_calls import AgentCalls
from local.aws.ssm.command_logs import write_logs
from local.aws.ssm.invocations import Command, InvocationRun

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
    :ivar calls: what the roles of the instances allow the agents
    """

    def __init__(
        self,
        timing: AwsTiming,
        now: Callable[[], datetime],
        lifecycle: Lifecycle,
        faults: Faults,
        calls: AgentCalls,
    ) -> None:
        """Start without registrations."""
        self.calls = calls
        self._faults = faults
        self._timing = timing
        self._now = now
        self._lifecycle = lifecycle
        self._registrations: dict[str, Registration] = {}
        self._silent: set[str] = set()
        self._is_silent_by_default = False
        self._replaced_until: dict[str, datetime] = {}
        self._known_before_silence: set[str] = set()
        self._connected_boots: dict[str, tuple[datetime, bool]] = {}
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

    def take_undelivered(self) -> str | None:
        """Return the detailed status of the command to deliver if it is not delivered; None without a fault."""
        return self._faults.take_undelivered()

    def replace_if_due(self, instance_id: str) -> bool:
        """Let snapd replace the agent if this is due, and return whether it was.

        The agent is away for a while, and forgets the documents that it was running.
        """
        if not self._faults.take_snap_refresh():
            return False
        tracked = self._lifecycle.instances.get(instance_id)
        if tracked:
            self._update_registration(tracked, self._now())
        self._replaced_until[instance_id] = self._now() + self._timing.agent_replaced_for
        return True

    def is_reachable(self, instance_id: str) -> bool:
        """Return whether a command sent now reaches the instance."""
        tracked = self._lifecycle.instances.get(instance_id)
        return tracked is not None and self._find_online_since(tracked, self._now()) is not None

    def find_return(self, instance_id: str, away_since: datetime) -> datetime | None:
        """Return when the agent was back after its machine went down; None while it is away.

        :param away_since: when the machine went down. If EC2 did not notice it, the machine rebooted by itself.
        """
        tracked = self._lifecycle.instances.get(instance_id)
        if tracked is None or tracked.running_since is None or self._is_silent(instance_id, self._now()):
            return None
        back_at = max(tracked.running_since, away_since) + self._timing.agent_online_after
        return back_at if back_at <= self._now() else None

    def write_logs(self, command: Command, run: InvocationRun, at: datetime) -> None:
        """Write the output of a command that has ended, if it has a log group."""
        tracked = self._lifecycle.instances.get(run.instance_id)
        if tracked:
            write_logs(command, run, tracked, self.calls, at)

    def can_open_sessions(self, instance_id: str) -> bool:
        """Return whether StartSession accepts the instance. It knows an agent a little later than Run Command does."""
        tracked = self._lifecycle.instances.get(instance_id)
        since = self._find_online_since(tracked, self._now()) if tracked else None
        is_ready = since is not None and since + self._timing.session_ready_after <= self._now()
        return is_ready and self.calls.has_control_channels

    def can_receive_commands(self, instance_id: str) -> bool:
        """Return whether SendCommand accepts the instance: it is running, and its agent has registered before."""
        tracked = self._lifecycle.instances.get(instance_id)
        return tracked is not None and tracked.state == "running" and self.find_registration(tracked) is not None

    def find_registration(self, tracked: TrackedInstance) -> Registration | None:
        """Return SSM's present record of the agent; None before its first registration."""
        self._update_registration(tracked, self._now())
        return self._registrations.get(tracked.instance.id)

    def _is_silent(self, instance_id: str, at: datetime) -> bool:
        replaced_until = self._replaced_until.get(instance_id)
        return (
            instance_id in self._silent
            or (replaced_until is not None and at < replaced_until)
            or (self._is_silent_by_default and instance_id not in self._known_before_silence)
        )

    def _find_online_since(self, tracked: TrackedInstance, at: datetime) -> datetime | None:
        if tracked.running_since is None or self._is_silent(tracked.instance.id, at):
            return None
        since = tracked.running_since + self._timing.agent_online_after
        if tracked.is_bare_metal:
            since += self._timing.bare_metal_boot_for
        return since if since <= at and self._can_connect(tracked, tracked.running_since) else None

    def _can_connect(self, tracked: TrackedInstance, running_since: datetime) -> bool:
        boot, is_connected = self._connected_boots.get(tracked.instance.id, (None, False))
        if boot != running_since:
            is_connected = self.calls.can_register(tracked)
            self._connected_boots[tracked.instance.id] = running_since, is_connected
        return is_connected

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
