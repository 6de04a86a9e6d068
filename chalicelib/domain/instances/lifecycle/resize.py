"""Change the type of a stopped instance, as requested with its start, before it starts.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-resize.html
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import CALL_RETRY_AFTER
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.claim import Claim
from chalicelib.domain.instances.lifecycle.plans import no_op
from chalicelib.domain.instances.plan import ChangeType, Plan
from chalicelib.domain.instances.record import Instance


def plan_type_change(instance: Instance, claim: Claim, now: datetime) -> Plan | None:
    """Call ModifyInstanceAttribute, and again while EC2 still shows the former type.

    :param claim: that of the start, which the change belongs to
    :returns: None if the instance keeps its type
    """
    requested, before = instance.start.instance_type, instance.spec.hardware.instance_type
    if requested is None or requested == before:
        return None
    if claim.last_called_at and now - claim.last_called_at < CALL_RETRY_AFTER:
        message = claim.last_error or f"EC2 does not show {instance.name} as {requested} yet."
        return no_op(instance, EventCode.CHANGING_TYPE, message)
    message = f"Changing the type of {instance.name} from {before} to {requested}."
    return Plan(
        instance=replace(instance, claim=replace(claim, last_called_at=now)),
        reason=EventReason(code=EventCode.CHANGING_TYPE, message=message),
        step=ChangeType(requested),
    )


def record_changed_type(instance: Instance) -> Plan:
    """Record that EC2 accepted the change. The next observation shows the type, and the start follows."""
    claim = replace(instance.claim, last_error=None) if instance.claim else None
    message = f"EC2 accepted the new type of {instance.name}."
    return replace(no_op(replace(instance, claim=claim), EventCode.CHANGING_TYPE, message), requeue=True)


def end_type_change(instance: Instance) -> Instance:
    """Return the record of an instance that has the requested type now: its start is called at once.

    What was refused in the zone was the former type.
    """
    claim = replace(instance.claim, last_called_at=None, last_error=None) if instance.claim else None
    start = replace(instance.start, instance_type=None, rates=None, retry_at=None)
    return replace(instance, claim=claim, start=start)


def is_requested_type(instance: Instance, instance_type: str) -> bool:
    """Return whether gpudesk changes the type to this one, at a person's request."""
    return instance.start.instance_type == instance_type
