"""End a launch that has failed."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.lifecycle.launch_table import describe_tries
from chalicelib.domain.instances.lifecycle.plans import record_event, with_phase
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase


def fail_launch(
    instance: Instance, code: EventCode, cause: str, now: datetime, advice: str = "", **details: str
) -> Plan:
    """End the launch. No EC2 instance runs. The message has the table of all tries.

    The launch of a move fails without an entry and without advice: the next decision ends the move and notifies of it.

    :param cause: why, in sentences
    :param advice: what to do, in sentences
    """
    failed = replace(instance, launch=replace(instance.launch, attempt=None, next_offer=None))
    if instance.is_launching_for_move:
        reason = EventReason(code=EventCode.MOVING, message=f"{cause}{describe_tries(instance)}")
        return Plan(instance=with_phase(failed, Phase.FAILED, reason, now), reason=reason, requeue=True)
    explanation = " ".join(filter(None, (cause, advice)))
    message = f"{instance.name} could not be launched. {explanation}{describe_tries(instance)}"
    reason = EventReason(code=code, message=message)
    return record_event(with_phase(failed, Phase.FAILED, reason, now), reason, now, **details)
