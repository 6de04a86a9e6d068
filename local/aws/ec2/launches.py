"""RunInstances as on AWS: client tokens, capacity, checks of disk sizes, tags of network interfaces."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses import instances as instance_responses
from moto.ec2.responses.instances import InstanceResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.ec2.capacity import ON_DEMAND, Capacity
from local.aws.ec2.disks import complete_disks
from local.aws.ec2.launch_requests import check_request, find_zone, read_placement
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.public_images import publish_images

RunInstances = Callable[..., Any]
LAUNCH_OPERATION = "RunInstances"


@dataclass(frozen=True)
class ClientTokenRecord:
    """The launch of a client token.

    :param request: the request as text, to compare it with later ones
    """

    request: str
    reservation: Any
    valid_until: datetime


class Launches:
    """Extension of RunInstances, and of the visibility of its instances to later calls.

    :param now: returns the cloud's time
    :param get_operation: returns the operation that this thread is answering
    """

    def __init__(
        self,
        timing: AwsTiming,
        now: Callable[[], datetime],
        capacity: Capacity,
        lifecycle: Lifecycle,
        get_operation: Callable[[], str | None],
    ) -> None:
        """Start without client tokens."""
        self._timing = timing
        self._now = now
        self._capacity = capacity
        self._lifecycle = lifecycle
        self._get_operation = get_operation
        self._tokens: dict[tuple[str, str, str, str], ClientTokenRecord] = {}

    def patch(self, patches: Patches) -> None:
        """Extend RunInstances and the list of reservations."""
        patches.wrap(InstanceResponse, "run_instances", self._deduplicate)
        patches.wrap(InstanceBackend, "run_instances", self._launch)
        patches.wrap(instance_responses, "filter_iam_instance_profiles", _translate_profile_error)
        patches.wrap(InstanceBackend, "all_reservations", self._hide_new_instances)

    def _deduplicate(self, original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        """Return the first result of a client token again. A token is valid in one zone."""

        def run_instances(response: Any) -> ActionResult:
            token = response._get_param("ClientToken")
            if not token:
                return original(response)
            zone = find_zone(response.ec2_backend, read_placement(response))
            key = (response.current_account, response.region, zone, token)
            request = _serialize_request(response._get_params())
            record = self._tokens.get(key)
            if record is None or record.valid_until <= self._now():
                result = original(response)
                until = self._now() + self._timing.client_token_valid_for
                self._tokens[key] = ClientTokenRecord(request, result.result, until)
                return result
            if record.request != request:
                raise CloudError(
                    "IdempotentParameterMismatch",
                    f"Arguments on this idempotent request are inconsistent with arguments used in previous "
                    f"request(s). Client token: {token}",
                )
            return ActionResult(record.reservation)

        return run_instances

    def _launch(self, original: RunInstances) -> RunInstances:
        def run_instances(
            backend: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
        ) -> Any:
            publish_images(backend, [image_id])
            image = backend.amis.get(image_id)
            zone = find_zone(backend, kwargs)
            if self._timing.is_strict:
                check_request(backend, image_id, kwargs["instance_type"], zone)
            if image is not None:
                complete_disks(image, kwargs)
            interface_tags = (kwargs.get("tags") or {}).get("network-interface", {})
            market = kwargs.get("instance_market_options") or ON_DEMAND
            self._capacity.take(kwargs["instance_type"], zone, count, market=market)
            try:
                reservation = original(backend, image_id, count, user_data, security_group_names, **kwargs)
            except Exception:
                self._capacity.release(kwargs["instance_type"], zone, count, market=market)
                raise
            for instance in reservation.instances:
                if self._timing.is_strict:
                    _configure_interfaces(instance, kwargs.get("nics") or [], interface_tags)
                self._lifecycle.register_launch(instance)
            return reservation

        return run_instances

    def _hide_new_instances(self, original: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        """Hide a new instance from every call but its launch while `launch_hidden_for` lasts."""

        def all_reservations(backend: Any, filters: Any = None) -> list[Any]:
            reservations = original(backend, filters)
            if self._get_operation() in (None, LAUNCH_OPERATION):
                return reservations
            for reservation in reservations:
                reservation.instances = [
                    instance for instance in reservation.instances if self._lifecycle.is_visible(instance.id)
                ]
            return [reservation for reservation in reservations if reservation.instances]

        return all_reservations


def _configure_interfaces(instance: Any, interfaces: list[dict[str, Any]], tags: Mapping[str, str]) -> None:
    """Tag the interfaces that the launch created. They end with the instance, unless the launch requests otherwise.

    :param interfaces: network interfaces of the request
    """
    persistent = {int(nic.get("DeviceIndex", 0)) for nic in interfaces if nic.get("DeleteOnTermination") is False}
    existing = {int(nic.get("DeviceIndex", 0)) for nic in interfaces if nic.get("NetworkInterfaceId")}
    for index, interface in instance.nics.items():
        if index not in existing:
            interface.add_tags(tags)
            interface.delete_on_termination = index not in persistent


def _translate_profile_error(original: Callable[..., Any]) -> Callable[..., Any]:
    """Answer with the error of EC2 for an instance profile that does not exist (yet); moto has that of IAM."""

    def find_profile(
        account_id: str, partition: str, iam_instance_profile_arn: str | None, iam_instance_profile_name: str | None
    ) -> Any:
        try:
            return original(account_id, partition, iam_instance_profile_arn, iam_instance_profile_name)
        except ServiceException as error:
            kind, value = (
                ("arn", iam_instance_profile_arn)
                if iam_instance_profile_arn
                else (
                    "name",
                    iam_instance_profile_name,
                )
            )
            raise CloudError(
                "InvalidParameterValue",
                f"Value ({value}) for parameter iamInstanceProfile.{kind} is invalid. Invalid IAM Instance Profile "
                f"{kind}",
            ) from error

    return find_profile


def _serialize_request(parameters: Mapping[str, Any]) -> str:
    return json.dumps(dict(parameters), sort_keys=True, default=str)
