"""Spot requests of RunInstances: they follow their instances, can be described and cancelled, and are fulfilled again.

moto only marks such an instance as `spot`. The states of a request are those of
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instances-request-status-lifecycle.html
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.instances import InstanceBackend
from moto.ec2.responses.instances import InstanceResponse
from moto.ec2.utils import random_spot_request_id

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.spot_request import INTERRUPTED, LaunchCall, SpotRequest
from local.aws.ec2.tracked_instance import TrackedInstance

RESOURCE_TYPE = "spot-instances-request"
FULFILLED_AFTER = timedelta(seconds=60)
"""Time after which EC2 launches another instance for a request whose instance was terminated."""


class SpotRequests:
    """Extension with spot requests.

    :param now: returns the cloud's time
    :ivar requests: all requests by id
    """

    def __init__(self, now: Callable[[], datetime], lifecycle: Lifecycle) -> None:
        """Start without requests."""
        self._now = now
        self._lifecycle = lifecycle
        self._launches: dict[str, LaunchCall] = {}
        self.requests: dict[str, SpotRequest] = {}
        self._has_service_role = False
        lifecycle.on_state.append(self._follow)
        lifecycle.check_start = self._check_start

    def patch(self, patches: Patches) -> None:
        """Extend RunInstances."""
        patches.wrap(InstanceResponse, "run_instances", self._extend_run_instances)
        patches.wrap(InstanceBackend, "run_instances", self._remember_launches)

    def has_service_role(self) -> bool:
        """Return whether the service-linked role of EC2 Spot exists. The first launch creates it."""
        return self._has_service_role

    def find_live(self, instance_id: str) -> SpotRequest | None:
        """Return the live request of an instance."""
        return next((each for each in self.requests.values() if each.instance_id == instance_id and each.is_live), None)

    def tick(self) -> None:
        """Launch or start an instance for each request for which that is due."""
        now = self._now()
        for request in list(self.requests.values()):
            if request.state == "open" and request.fulfills_at and request.fulfills_at <= now:
                self._fulfill(request, now)

    def _extend_run_instances(self, original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        def run_instances(response: Any) -> ActionResult:
            if response._get_param("InstanceMarketOptions.MarketType") != "spot":
                return original(response)
            options = response._get_param("InstanceMarketOptions.SpotOptions", {})
            is_persistent = options.get("SpotInstanceType") == "persistent"
            behavior = options.get("InstanceInterruptionBehavior", "terminate")
            if is_persistent == (behavior == "terminate"):
                raise CloudError(
                    "InvalidParameterCombination",
                    "Persistent Spot requests require the interruption behavior stop or hibernate, and one-time Spot "
                    "requests require terminate.",
                )
            tags = response._parse_tag_specification().get(RESOURCE_TYPE, {})
            result = original(response)
            self._has_service_role = True
            reservation: Any = result.result
            for instance in reservation.instances:
                request = self._create(instance, tags, is_persistent=is_persistent, behavior=behavior)
                instance.spot_instance_request_id = request.id
            return result

        return run_instances

    def _create(self, instance: Any, tags: Mapping[str, str], *, is_persistent: bool, behavior: str) -> SpotRequest:
        now = self._now()
        request = SpotRequest(
            id=random_spot_request_id(),
            region=instance.ec2_backend.region_name,
            launch=self._launches.pop(instance.id),
            tags=dict(tags),
            is_persistent=is_persistent,
            behavior=behavior,
            created_at=now,
            updated_at=now,
            instance_id=instance.id,
        )
        self.requests[request.id] = request
        if tags:
            instance.ec2_backend.create_tags([request.id], dict(tags))
        return request

    def _remember_launches(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Keep the arguments of launches on spot, so that they can be repeated without the tags."""

        def run_instances(
            backend: Any, image_id: str, count: int, user_data: Any, security_group_names: list[str], **kwargs: Any
        ) -> Any:
            reservation = original(backend, image_id, count, user_data, security_group_names, **kwargs)
            if kwargs.get("instance_market_options"):
                call = LaunchCall(backend, image_id, user_data, security_group_names, {**kwargs, "tags": {}})
                for instance in reservation.instances:
                    instance.instance_lifecycle = "spot"
                    self._launches[instance.id] = call
            return reservation

        return run_instances

    def _follow(self, tracked: TrackedInstance, state: str, at: datetime) -> None:
        """Change the request of an instance with the state of the instance."""
        request = self.find_live(tracked.instance.id)
        if request is None:
            return
        match state:
            case "stopping" if request.is_marked and request.wins_over_stop:
                tracked.instance._reason, tracked.instance.state_reason = INTERRUPTED.message, INTERRUPTED
            case "stopped" if tracked.instance.state_reason is INTERRUPTED:
                request.change("open", "instance-stopped-no-capacity", at)
                request.interrupts_at = None
                request.fulfills_at = None if request.returns_after is None else at + request.returns_after
            case "stopped":
                request.change("disabled", "instance-stopped-by-user", at)
                request.interrupts_at = None
            case "pending":
                request.change("active", "fulfilled", at)
            case "terminated" if request.is_persistent:
                request.change("open", "pending-evaluation", at)
                request.instance_id, request.fulfills_at = None, at + FULFILLED_AFTER
            case "terminated":
                request.change("closed", "instance-terminated-by-user", at)

    def _check_start(self, tracked: TrackedInstance) -> None:
        """Refuse to start an instance that EC2 has interrupted. The text was not seen on AWS.

        :raises CloudError: IncorrectSpotRequestState
        """
        request = self.find_live(tracked.instance.id)
        if request and request.state == "open":
            text = f"The Spot Instance request '{request.id}' of instance '{tracked.instance.id}' is not disabled."
            raise CloudError("IncorrectSpotRequestState", text)

    def _fulfill(self, request: SpotRequest, now: datetime) -> None:
        """Start the interrupted instance of a request, or launch another one. Without capacity, it is tried again."""
        request.fulfills_at = now + FULFILLED_AFTER
        tracked = self._lifecycle.instances.get(request.instance_id or "")
        launch = request.launch
        try:
            if tracked and tracked.state == "stopped":
                self._lifecycle.start(tracked, self._lifecycle.start_in_moto, is_call=False)
            elif tracked is None:
                reservation = launch.backend.run_instances(
                    launch.image_id, 1, launch.user_data, launch.security_group_names, **launch.parameters
                )
                (instance,) = reservation.instances
                instance.spot_instance_request_id, request.instance_id = request.id, instance.id
                request.change("active", "fulfilled", now)
        except CloudError:
            return
        request.fulfills_at = None

    def cancel(self, request: SpotRequest) -> None:
        """Cancel a request, and terminate its stopped instance as EC2 does."""
        tracked = self._lifecycle.instances.get(request.instance_id or "")
        is_running = tracked is not None and tracked.state in ("pending", "running", "stopping")
        code = "request-canceled-and-instance-running" if is_running else "canceled-before-fulfillment"
        if request.is_live:
            request.change("cancelled", code, self._now())
        if tracked and tracked.state == "stopped":
            self._lifecycle.terminate(tracked)
