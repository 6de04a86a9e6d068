"""SSM agents: when they register, what they are seen as, and DescribeInstanceInformation."""

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
    """What SSM remembers of an agent: it outlives the boot that made it."""

    registered_at: datetime
    last_ping: datetime


class Agents:
    """Agents register some time after each boot, unless they are told to be silent.

    :param now: the cloud's time
    """

    def __init__(self, timing: AwsTiming, now: Callable[[], datetime], lifecycle: Lifecycle) -> None:
        self._timing = timing
        self._now = now
        self._lifecycle = lifecycle
        self._registrations: dict[str, Registration] = {}
        self._silent: set[str] = set()
        self._new_ones_are_silent = False
        self._heard_of: set[str] = set()
        lifecycle.on_halt.append(self._look)

    def patch(self, patches: Patches) -> None:
        patches.add(SimpleSystemManagerResponse, "describe_instance_information", self._describe())

    def silence(self, instance_id: str | None = None) -> None:
        """The agent says nothing from now on; None: the agents of all instances launched from now on."""
        self._lifecycle.tick()
        if instance_id is None:
            self._heard_of |= set(self._lifecycle.instances)
            self._new_ones_are_silent = True
            return
        life = self._lifecycle.instances.get(instance_id)
        if life:
            self._look(life, self._now())
        self._silent.add(instance_id)

    def unsilence(self, instance_id: str | None = None) -> None:
        """Take `silence` back."""
        if instance_id is None:
            self._new_ones_are_silent = False
        else:
            self._silent.discard(instance_id)

    def is_reachable(self, instance_id: str) -> bool:
        """Whether a command sent now gets to the machine."""
        life = self._lifecycle.instances.get(instance_id)
        return life is not None and self._online_since(life, self._now()) is not None

    def takes_commands(self, instance_id: str) -> bool:
        """Whether SendCommand accepts the instance: it runs, and its agent has registered once."""
        life = self._lifecycle.instances.get(instance_id)
        return life is not None and life.state == "running" and self.registration(life) is not None

    def registration(self, life: TrackedInstance) -> Registration | None:
        """What SSM knows of the agent now; None before its first registration."""
        self._look(life, self._now())
        return self._registrations.get(life.instance.id)

    def _is_silent(self, instance_id: str) -> bool:
        return instance_id in self._silent or (self._new_ones_are_silent and instance_id not in self._heard_of)

    def _online_since(self, life: TrackedInstance, at: datetime) -> datetime | None:
        if life.running_since is None or self._is_silent(life.instance.id):
            return None
        since = life.running_since + self._timing.agent_after_boot
        return since if since <= at else None

    def _look(self, life: TrackedInstance, at: datetime) -> None:
        since = self._online_since(life, at)
        if since is None:
            return
        last_ping = at - (at - since) % self._timing.ping_every
        known = self._registrations.setdefault(life.instance.id, Registration(since, last_ping))
        known.last_ping = last_ping

    def _describe(self) -> Callable[[Any], ActionResult]:
        def describe_instance_information(response: Any) -> ActionResult:
            filters = _filters(response)
            limit = response._get_int_param("MaxResults", MAX_PER_PAGE)
            if not 5 <= limit <= MAX_PER_PAGE:
                raise CloudError("ValidationException", "MaxResults is at least 5 and at most 50")
            known = [
                self._information(life, registration)
                for life in self._lifecycle.instances.values()
                if (life.account, life.region) == (response.current_account, response.region)
                and (registration := self.registration(life))
                and all(life.answers_to(key, values) for key, values in filters)
            ]
            start = _start(response._get_param("NextToken"))
            page = known[start : start + limit]
            token = str(start + limit) if start + limit < len(known) else None
            return ActionResult({"InstanceInformationList": page, "NextToken": token})

        return describe_instance_information

    def _information(self, life: TrackedInstance, registration: Registration) -> Mapping[str, Any]:
        is_lost = self._now() - registration.last_ping > self._timing.ping_lost_after
        spec = self._lifecycle.build_machine_spec(life)
        return {
            "InstanceId": life.instance.id,
            "PingStatus": "ConnectionLost" if is_lost else "Online",
            "LastPingDateTime": registration.last_ping,
            "RegistrationDate": registration.registered_at,
            "AgentVersion": AGENT_VERSION,
            "IsLatestVersion": True,
            "PlatformType": "Linux",
            "PlatformName": spec.platform_name,
            "PlatformVersion": spec.platform_version,
            "ResourceType": "EC2Instance",
            "IPAddress": life.instance.private_ip if life.state != "terminated" else "",
            "ComputerName": f"{life.instance.id}.{life.region}.compute.internal",
            "SourceId": life.instance.id,
            "SourceType": "AWS::EC2::Instance",
        }


def _filters(response: Any) -> list[tuple[str, Sequence[str]]]:
    """Both spellings that the call has for them."""
    asked = [(entry["Key"], entry["Values"]) for entry in response._get_param("Filters", [])]
    older = response._get_param("InstanceInformationFilterList", [])
    return asked + [(entry["key"], entry["valueSet"]) for entry in older]


def _start(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdigit():
        raise CloudError("InvalidNextToken", "The specified token isn't valid.")
    return int(token)
