"""Cancel the spot request of a launch that EC2 ended, or of the former instance of a move, before the launch goes on.

EC2 keeps a persistent request when it ends the instance, and would launch another instance for it:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-request-status.html
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.aws_errors import AwsError, AwsNotFound
from chalicelib.domain.common.deadlines import COMMAND_RESEND_AFTER, LAUNCH_RETRY_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.lifecycle.plans import no_op
from chalicelib.domain.instances.outcome import CallAccepted
from chalicelib.domain.instances.plan import CancelSpotRequest, Plan
from chalicelib.domain.instances.record import LAUNCHING_PHASES, Instance


def remember_request(instance: Instance, step: CancelSpotRequest | None, now: datetime) -> Instance:
    """Return the record of a launch that cancels a spot request now, and again until EC2 accepts it."""
    if step is None:
        return instance
    launch = instance.launch
    others = tuple(each for each in launch.uncancelled_requests if each != step.request)
    requests = (*others, step.request)
    return replace(instance, launch=replace(launch, uncancelled_requests=requests, retry_at=now + COMMAND_RESEND_AFTER))


def remember_request_of_former(instance: Instance, step: CancelSpotRequest | None, now: datetime) -> Instance:
    """Return the record of a move whose former instance has ended, and whose spot request is cancelled now.

    Before the launch at the target goes on, the call is repeated until EC2 accepts it. Later the clean-up repeats it.
    """
    remembered = remember_request(instance, step, now)
    if instance.phase in LAUNCHING_PHASES:
        return remembered
    return replace(remembered, launch=replace(remembered.launch, retry_at=instance.launch.retry_at))


def cancel_requests(instance: Instance, now: datetime) -> Plan | None:
    """Cancel the next spot request of an ended launch; None: there is none."""
    requests = instance.launch.uncancelled_requests
    if not requests:
        return None
    step = CancelSpotRequest(requests[0])
    message = (
        f"EC2 ended a launch of {instance.name}. Its spot request is cancelled first, so that EC2 launches no other "
        "instance for it."
    )
    reason = EventReason(code=EventCode.SPOT_REQUEST_CANCELLED, message=message)
    return Plan(instance=remember_request(instance, step, now), reason=reason, step=step)


def is_expected(instance: Instance, step: CancelSpotRequest) -> bool:
    """Return whether the record waits for the cancellation of a request of an ended launch."""
    return step.request in instance.launch.uncancelled_requests


def record_cancellation(
    instance: Instance, step: CancelSpotRequest, outcome: CallAccepted | AwsError, now: datetime
) -> Plan:
    """Record that EC2 has cancelled the request or does not know it, or that the call is repeated."""
    launch, name = instance.launch, instance.name
    if isinstance(outcome, AwsError) and not isinstance(outcome, AwsNotFound):
        later = replace(launch, retry_at=now + LAUNCH_RETRY_AFTER, last_error=outcome.description)
        message = f"AWS did not cancel the spot request of an ended launch of {name}: {outcome.description}"
        return no_op(replace(instance, launch=later), EventCode.RETRYING, message)
    left = tuple(each for each in launch.uncancelled_requests if each != step.request)
    done = replace(launch, uncancelled_requests=left, retry_at=None, last_error=None)
    message = f"The spot request of an ended launch of {name} is cancelled."
    return replace(no_op(replace(instance, launch=done), EventCode.NO_CHANGE, message), requeue=True)
