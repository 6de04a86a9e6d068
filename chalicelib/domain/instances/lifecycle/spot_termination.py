"""End the spot request of an instance before the instance: cancel it, see it cancelled, then terminate.

In another order EC2 launches an instance for the request again:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances-cancel.html
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.deadlines import CALL_RETRY_AFTER, VISIBILITY_GRACE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.claim import Claim
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.lifecycle.plans import no_op, require_ec2_instance
from chalicelib.domain.instances.observation import NotVisible, Observation, Unavailable
from chalicelib.domain.instances.plan import CancelSpotRequest, Plan
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spot import ObservedSpotRequest, SpotRequestKey


def has_spot_request(ec2_instance: Ec2Instance | None) -> bool:
    """Return whether EC2 keeps a spot request for an instance, which may not be visible yet."""
    if ec2_instance is None:
        return False
    return ec2_instance.market is Market.SPOT or ec2_instance.spot_instance_request_id is not None


def find_cancellation(region: str, ec2_instance: Ec2Instance | None) -> CancelSpotRequest | None:
    """Return the call that cancels the spot request of an instance; None: it has none."""
    if ec2_instance is None or not has_spot_request(ec2_instance):
        return None
    request_id = ec2_instance.spot_instance_request_id
    return CancelSpotRequest(SpotRequestKey(region=region, instance_id=ec2_instance.instance_id, request_id=request_id))


def wait_for_cancellation(instance: Instance, claim: Claim, observation: Observation, now: datetime) -> Plan | None:
    """Wait until EC2 shows the spot request as cancelled, and call again if it does not.

    :returns: None if there is no live request, so that the instance can be terminated
    """
    ec2_instance, name = require_ec2_instance(instance), instance.name
    step = find_cancellation(instance.spec.region, ec2_instance)
    if step is None:
        return None
    match observation.spot_request:
        case ObservedSpotRequest(is_live=False):
            return None
        case NotVisible() if now - ec2_instance.launched_at >= VISIBILITY_GRACE:
            return None
        case Unavailable(error):
            message = f"EC2 did not show the spot request of {name}, so it is not terminated yet: {error}"
            return no_op(instance, EventCode.AWS_UNAVAILABLE, message)
    if claim.request_cancelled_at and now - claim.request_cancelled_at < CALL_RETRY_AFTER:
        message = f"gpudesk cancelled the spot request of {name}. EC2 does not show that yet."
        return no_op(instance, EventCode.TERMINATING, message)
    message = f"The spot request of {name} is cancelled first, so that EC2 does not launch it again."
    reason = EventReason(code=EventCode.SPOT_REQUEST_CANCELLED, message=message)
    return Plan(instance=replace(instance, claim=replace(claim, request_cancelled_at=now)), reason=reason, step=step)
