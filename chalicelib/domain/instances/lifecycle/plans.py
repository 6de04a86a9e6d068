"""The context of a decision, and the small functions that build records and plans.

The modules of the phases use these. What begins an AWS call is in `actions`, what announces one in `stop_warnings`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.desk.channels import ChannelDirectory
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.ec2_instance import Ec2Instance, EndCause
from chalicelib.domain.instances.metering import advance_meter
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.spot import Interruption
from chalicelib.domain.instances.spot_rates import FindSpotPrice
from chalicelib.domain.setup.state import DocumentRun


@dataclass(frozen=True, kw_only=True)
class DecisionContext:
    """The facts that are the same for all instances in one decision.

    :param directory: the channels of owners and admins
    :param heartbeat_table: the DynamoDB table that probes write to
    :param heartbeat_region: the region of that table; it does not depend on the instance
    :param instance_role_id: unique id of the IAM role of the instances; `aws:userid` on an instance begins with it
    :param catalog: what instance types have and cost
    :param find_spot_price: returns the present price of a type in a zone of a region
    :param scale_script_timeout: converts a script's time limit to gpudesk's clock, which can run faster
    """

    desk: DeskSettings
    directory: ChannelDirectory = ChannelDirectory()
    heartbeat_table: str
    heartbeat_region: str
    instance_role_id: str
    catalog: InstanceTypeCatalog
    find_spot_price: FindSpotPrice = lambda _region, _type, _zone: None
    scale_script_timeout: Callable[[timedelta], timedelta] = lambda limit: limit


def build_heartbeat_key(role_id: str, instance_id: str) -> str:
    """Return the key of an instance's heartbeat item.

    It is the `aws:userid` of the instance's role session, so that an IAM policy can limit each instance to its
    own item:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    return f"{role_id}:{instance_id}"


def no_op(instance: Instance, code: EventCode, message: str) -> Plan:
    """Return a plan without a timeline entry and without a call.

    :param message: why nothing is done
    """
    return Plan(instance=instance, reason=EventReason(code=code, message=message))


def with_phase(instance: Instance, phase: Phase, reason: EventReason, now: datetime) -> Instance:
    """Return the record in another phase. Everything that was notified of the former phase can be notified again."""
    return replace(instance, phase=phase, phase_since=now, reason=reason, notified={})


def record_event(instance: Instance, reason: EventReason, now: datetime, **details: str) -> Plan:
    """Return a plan that writes the record and one timeline entry."""
    return Plan(instance=instance, reason=reason, timeline=(timeline_entry(now, reason, details=details),))


def to_stopped(instance: Instance, reason: EventReason, now: datetime) -> Instance:
    """Return the record of an instance that has stopped, by gpudesk or not.

    Facts about the boot that ended are removed. A keep stays until its end.
    """
    return replace(
        with_phase(instance, Phase.STOPPED, reason, now),
        claim=None,
        warning=None,
        ready_since=None,
        keep_result=None,
        lifetime=replace(instance.lifetime, started_at=None),
        observed=replace(
            instance.observed,
            agent_seen=True,
            activity_unknown_since=None,
            boot_id=None,
            interruption=_find_interruption(instance, now),
        ),
    )


def _find_interruption(instance: Instance, now: datetime) -> Interruption | None:
    """Return the interruption that stopped the instance. After any other stop the warning of one is over."""
    state_reason = instance.ec2_instance.state_reason if instance.ec2_instance else None
    if state_reason is None or state_reason.cause is not EndCause.SPOT:
        return None
    return replace(instance.observed.interruption or Interruption(), interrupted_at=now)


def to_terminated(instance: Instance, reason: EventReason, now: datetime) -> Plan:
    """Return the plan that closes a record. From now on, the instance costs nothing."""
    ec2_instance = instance.ec2_instance
    ended = replace(
        with_phase(instance, Phase.TERMINATED, reason, now),
        ec2_instance=None,
        claim=None,
        warning=None,
        terminated_at=now,
        spec=replace(instance.spec, desired=DesiredState.TERMINATED),
        lifetime=replace(instance.lifetime, keep_until=None, keep_requested_by=None),
    )
    return record_event(ended, reason, now, **({"instance_id": ec2_instance.instance_id} if ec2_instance else {}))


def get_calling_since(since: datetime, desk: DeskSettings, now: datetime) -> datetime:
    """Return from when on gpudesk has made its calls for something that began at `since`.

    While it is paused it makes none, so a deadline for their effect counts from the end of the pause.
    """
    if desk.mode is Mode.PAUSED:
        return now
    return max(since, desk.resumed_at) if desk.resumed_at else since


def require_ec2_instance(instance: Instance) -> Ec2Instance:
    """Return the EC2 instance of a record whose phase requires one.

    :raises ValueError: the record has no EC2 instance
    """
    if instance.ec2_instance is None:
        raise ValueError(f"{instance.id} is {instance.phase} and has no EC2 instance")
    return instance.ec2_instance


def advance_plan_meter(before: Instance, plan: Plan, now: datetime) -> Plan:
    """Return the plan with the meter of its record advanced to now, and with the segments that ended.

    :param before: the record as it was read
    """
    instance, segments = advance_meter(before, plan.instance, now)
    return replace(plan, instance=instance, billed_segments=segments)


def require_document_run(instance: Instance) -> DocumentRun:
    """Return the run that the setup waits for.

    :raises ValueError: no document of the setup was sent
    """
    run = instance.setup.current_run
    if run is None:
        raise ValueError(f"{instance.id}: no document of the setup was sent")
    return run
