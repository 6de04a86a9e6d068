"""Find spot requests that no instance of gpudesk needs: EC2 would launch an instance for them without a record."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.common.deadlines import SPOT_REQUEST_GRACE, SPOT_REQUESTS_READ_EVERY
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2State
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance
from chalicelib.domain.instances.spot import ObservedSpotRequest


@dataclass(frozen=True)
class UnusedRequest:
    """A live spot request of the stage that has no instance of gpudesk.

    :param is_abandoned: it has no instance at all, so it can be cancelled
    """

    request: ObservedSpotRequest
    is_abandoned: bool

    @property
    def message(self) -> str:
        """The problem, what follows from it, and what an admin must do, as sentences."""
        request = self.request
        name = f"Spot request {request.request_id} in {request.region} has the tags of gpudesk"
        if self.is_abandoned:
            return f"{name} and no instance. gpudesk cancels it, because EC2 may launch an instance for it."
        return (
            f"{name}, and its instance {request.instance_id} has not. gpudesk cannot manage the instance, but AWS "
            f"bills it. An admin must restore its tags gpudesk:id={request.tag_id} and gpudesk:stage, or cancel the "
            "request and terminate the instance in the EC2 console, in this order."
        )


def are_requests_due(now: datetime) -> bool:
    """Return whether the sweep of this minute reads the spot requests."""
    return int(now.timestamp()) // 60 % (SPOT_REQUESTS_READ_EVERY.seconds // 60) == 0


def find_unused_requests(
    requests: Iterable[ObservedSpotRequest],
    states: Mapping[str, Ec2State | None],
    tagged_ids: Container[str],
    records: Iterable[Instance],
    now: datetime,
) -> Iterator[UnusedRequest]:
    """Yield the requests without an instance of gpudesk, past a grace period.

    Only a request without an instance may be cancelled: a cancellation terminates a stopped instance.
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/interruption-behavior.html

    :param requests: the live requests of a region
    :param states: the states of their instances, by id; None: EC2 does not know the id
    :param tagged_ids: the ids of the EC2 instances with gpudesk's tags
    :param records: the records of the region; a launch in progress may not show its instance yet, but the request of
        a launch that EC2 ended is over at once
    """
    records = tuple(records)
    launching_ids = {record.tag_id for record in records if record.phase in LAUNCHING_PHASES}
    ended_ids = {instance_id for record in records for instance_id in record.launch.ended_instance_ids}
    for request in requests:
        state = states.get(request.instance_id) if request.instance_id else None
        has_instance = state is not None and state not in ENDED_STATES
        is_used = has_instance and request.instance_id in tagged_ids
        is_ended = request.instance_id in ended_ids and not has_instance
        is_new = request.tag_id in launching_ids or now - request.updated_at < SPOT_REQUEST_GRACE
        if not is_used and (is_ended or not is_new):
            yield UnusedRequest(request, is_abandoned=not has_instance)
