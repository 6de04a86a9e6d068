"""RunInstances as AWS answers it: client tokens, capacity, disks against their snapshots, tags on interfaces."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidAMIIdError
from moto.ec2.models.instance_types import INSTANCE_TYPE_OFFERINGS
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.instances import InstanceResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.ec2.capacity import Capacity
from local.aws.ec2.disks import complete_disks
from local.aws.ec2.images import publish
from local.aws.ec2.lifecycle import Lifecycle

RunInstances = Callable[..., Any]
VISIBLE_AT_ONCE = "RunInstances"


@dataclass(frozen=True)
class ClientTokenRecord:
    """What a client token stands for."""

    request: str
    reservation: Any
    until: datetime


class Launches:
    """Launches through moto's RunInstances, and what the calls after it may see of them.

    :param operation: the operation that this thread is answering
    """

    def __init__(
        self,
        timing: AwsTiming,
        now: Callable[[], datetime],
        capacity: Capacity,
        lifecycle: Lifecycle,
        operation: Callable[[], str | None],
    ) -> None:
        self._timing = timing
        self._now = now
        self._capacity = capacity
        self._lifecycle = lifecycle
        self._operation = operation
        self._tokens: dict[tuple[str, str, str, str], ClientTokenRecord] = {}

    def patch(self, patches: Patches) -> None:
        patches.wrap(InstanceResponse, "run_instances", self._answer_once)
        patches.wrap(InstanceBackend, "run_instances", self._launch)
        patches.wrap(InstanceBackend, "all_reservations", self._hide_newborns)

    def _answer_once(self, original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        """A known token is answered with what it launched; the zone is part of what it is known by."""

        def run_instances(response: Any) -> ActionResult:
            token = response._get_param("ClientToken")
            if not token:
                return original(response)
            zone = zone_of(response.ec2_backend, _placing(response))
            key = (response.current_account, response.region, zone, token)
            request = _fingerprint(response._get_params())
            known = self._tokens.get(key)
            if known is None or known.until <= self._now():
                answer = original(response)
                until = self._now() + self._timing.token_life
                self._tokens[key] = ClientTokenRecord(request, answer.result, until)
                return answer
            if known.request != request:
                raise CloudError(
                    "IdempotentParameterMismatch",
                    f"Arguments on this idempotent request are inconsistent with arguments used in previous "
                    f"request(s). Client token: {token}",
                )
            return ActionResult(known.reservation)

        return run_instances

    def _launch(self, original: RunInstances) -> RunInstances:
        def run_instances(
            backend: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
        ) -> Any:
            publish(backend, [image_id])
            image = backend.amis.get(image_id)
            zone = zone_of(backend, kwargs)
            if self._timing.is_strict:
                _check(backend, image_id, kwargs["instance_type"], zone)
            if image is not None:
                complete_disks(image, kwargs)
            interface_tags = (kwargs.get("tags") or {}).get("network-interface", {})
            self._capacity.take(kwargs["instance_type"], zone, count)
            try:
                reservation = original(backend, image_id, count, user_data, security_group_names, **kwargs)
            except Exception:
                self._capacity.give_back(kwargs["instance_type"], zone, count)
                raise
            for instance in reservation.instances:
                if self._timing.is_strict:
                    _adopt_interfaces(instance, kwargs.get("nics") or [], interface_tags)
                self._lifecycle.launched(instance)
            return reservation

        return run_instances

    def _hide_newborns(self, original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """Until the lag is over, no call but the launch itself sees an instance."""

        def all_reservations(backend: Any, filters: Any = None) -> list[Any]:
            reservations = original(backend, filters)
            if self._operation() in (None, VISIBLE_AT_ONCE):
                return reservations
            for reservation in reservations:
                reservation.instances = [
                    instance for instance in reservation.instances if self._lifecycle.is_visible(instance.id)
                ]
            return [reservation for reservation in reservations if reservation.instances]

        return all_reservations


def _adopt_interfaces(instance: Any, asked: list[dict[str, Any]], tags: Mapping[str, str]) -> None:
    """Interfaces that the launch created carry its tags, and go with the instance unless it said otherwise."""
    kept = {int(nic.get("DeviceIndex", 0)) for nic in asked if nic.get("DeleteOnTermination") is False}
    brought = {int(nic.get("DeviceIndex", 0)) for nic in asked if nic.get("NetworkInterfaceId")}
    for index, interface in instance.nics.items():
        if index not in brought:
            interface.add_tags(tags)
            interface.delete_on_termination = index not in kept


def zone_of(backend: Any, placing: Mapping[str, Any]) -> str:
    """The zone that a launch goes to: its subnet's, else the one that was named, else the region's first."""
    subnet_id = placing.get("subnet_id") or next(
        (nic["SubnetId"] for nic in placing.get("nics") or [] if "SubnetId" in nic), None
    )
    if subnet_id:
        return str(backend.get_subnet(subnet_id).availability_zone)
    return placing.get("placement") or f"{backend.region_name}a"


def _placing(response: Any) -> dict[str, Any]:
    return {
        "subnet_id": response._get_param("SubnetId"),
        "nics": response._get_param("NetworkInterfaces", []),
        "placement": response._get_param("Placement.AvailabilityZone"),
    }


def _fingerprint(parameters: Mapping[str, Any]) -> str:
    return json.dumps(deepcopy(dict(parameters)), sort_keys=True, default=str)


def _check(backend: Any, image_id: str, instance_type: str, zone: str) -> None:
    if image_id and image_id not in backend.amis:
        raise InvalidAMIIdError(image_id)
    in_region = _offered("region", backend.region_name, backend.region_name, instance_type)
    if in_region and not _offered("availability-zone", backend.region_name, zone, instance_type):
        raise CloudError(
            "Unsupported",
            f"Your requested instance type ({instance_type}) is not supported in your requested Availability "
            f"Zone ({zone}).",
        )


def _offered(kind: str, region: str, location: str, instance_type: str) -> bool:
    return any(
        offering["InstanceType"] == instance_type and offering["Location"] == location
        for offering in INSTANCE_TYPE_OFFERINGS[kind].get(region, [])
    )
