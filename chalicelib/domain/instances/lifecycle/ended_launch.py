"""Decide for a launch that EC2 accepted and then ended: try the next offer, or fail and say what to do.

EC2 checks the capacity, the volume limits and the KMS key of the disk only after it has accepted RunInstances:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.ec2_instance import Ec2Instance, EndCause, StateReason
from chalicelib.domain.instances.launch_tries import LaunchOffer, LaunchTry, TryResult
from chalicelib.domain.instances.lifecycle.launch_failure import fail_launch
from chalicelib.domain.instances.lifecycle.launch_pass import add_try, try_next_offer
from chalicelib.domain.instances.lifecycle.plans import with_phase
from chalicelib.domain.instances.lifecycle.refusal_advice import KMS_ADVICE
from chalicelib.domain.instances.lifecycle.request_cancellation import remember_request
from chalicelib.domain.instances.lifecycle.spot_termination import find_cancellation
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

REQUESTED = (EndCause.CALL, EndCause.OTHER_REQUEST)
"""Causes of an end that somebody or something requested. Every other one is a failure of the launch."""

QUOTA_ADVICE = (
    "A quota of the AWS account is exceeded. Ask an admin to request an increase in Service Quotas, request a smaller "
    "disk, or terminate instances that nobody needs."
)
SNAPSHOT_ADVICE = "The snapshot of the image is deleted. Launch from another image, or leave image out."
MAX_ENDED_IDS = 200
"""EC2 shows a terminated instance for about an hour. More launches cannot end in this time, because a pass pauses."""

ADVICE = "Ask an admin to look for the cause, then launch again."
ADVICE_BY_CAUSE = {
    EndCause.KMS_KEY: KMS_ADVICE,
    EndCause.QUOTA: QUOTA_ADVICE,
    EndCause.SNAPSHOT: SNAPSHOT_ADVICE,
}


def is_ended_launch(instance: Instance, ec2_instance: Ec2Instance) -> bool:
    """Return whether EC2 ended an accepted launch before anything was set up, without a request to do so."""
    reason = ec2_instance.state_reason
    is_new = instance.phase in (Phase.LAUNCHING, Phase.BOOTING) and not instance.observed.agent_seen
    is_wanted = instance.spec.desired is DesiredState.RUNNING
    return is_new and is_wanted and reason is not None and reason.cause not in REQUESTED


def record_ended_launch(instance: Instance, ec2_instance: Ec2Instance, now: datetime) -> Plan:
    """Launch with the next offer if another one may not have the cause; otherwise fail with the reason of AWS.

    The EC2 instance has ended, so the record lets go of it.
    """
    reason = ec2_instance.state_reason or StateReason(code="unknown")
    instance_id, released = ec2_instance.instance_id, _release(instance, ec2_instance)
    # EC2 keeps the spot request of an instance that it ends, and would launch another one for it.
    cancellation = find_cancellation(instance.spec.region, ec2_instance)
    latest = LaunchTry(
        offer=_find_offer(instance, ec2_instance),
        result=TryResult.ENDED,
        at=now,
        code=reason.code,
        message=reason.text,
    )
    choice = instance.spec.launch_choice
    is_quota = reason.cause is EndCause.QUOTA and choice is not None and choice.has_other_offers
    if reason.cause in (EndCause.ZONE, EndCause.SPOT) or is_quota:
        message = (
            f"EC2 accepted the launch of {instance.name} in {ec2_instance.zone} and then ended it. {reason.text} "
            "gpudesk tries the next offer."
        )
        code = EventCode.OFFER_LEFT_OUT if is_quota else EventCode.ZONE_NO_CAPACITY
        relaunch = EventReason(code=code, message=message)
        if is_quota:
            latest = replace(latest, result=TryResult.QUOTA_EXCEEDED, code=reason.code.rpartition(".")[2])
        waiting = with_phase(released, Phase.LAUNCHING, relaunch, now)
        plan = try_next_offer(waiting, latest, relaunch, now, instance_id=instance_id)
        return replace(plan, step=cancellation, instance=remember_request(plan.instance, cancellation, now))
    code, advice = _choose_failure(reason)
    cause = f"EC2 accepted the launch and then ended it. {reason.text}"
    tried = add_try(released, latest)
    plan = fail_launch(tried, code, cause, now, advice, rejected_by="AWS", instance_id=instance_id)
    return replace(plan, step=cancellation, instance=remember_request(plan.instance, cancellation, now))


def _release(instance: Instance, ec2_instance: Ec2Instance) -> Instance:
    """Return the record without an EC2 instance that ended at its launch."""
    launch = instance.launch
    return replace(
        instance,
        launch=replace(
            launch,
            attempt=None,
            ended_instance_ids=(*launch.ended_instance_ids, ec2_instance.instance_id)[-MAX_ENDED_IDS:],
            started_at=launch.started_at or instance.phase_since,
        ),
        ec2_instance=None,
        warning=None,
        lifetime=replace(instance.lifetime, started_at=None),
        observed=ObservedState(),
    )


def _find_offer(instance: Instance, ec2_instance: Ec2Instance) -> LaunchOffer:
    """Return the offer of an accepted launch. The instance of an attempt is in the zone of the attempt."""
    if instance.launch.attempt:
        return instance.launch.attempt.offer
    spec = instance.spec
    return LaunchOffer(
        instance_type=spec.hardware.instance_type,
        region=spec.region,
        zone=ec2_instance.zone,
        market=spec.market,
        price=instance.billing.rates.instance,
    )


def find_advice(cause: EndCause) -> str | None:
    """Return what to do about the cause of a failed launch or start; None if it is not known."""
    return ADVICE_BY_CAUSE.get(cause)


def _choose_failure(reason: StateReason) -> tuple[EventCode, str]:
    code = EventCode.QUOTA_EXCEEDED if reason.cause is EndCause.QUOTA else EventCode.LAUNCH_REFUSED
    return code, find_advice(reason.cause) or ADVICE
