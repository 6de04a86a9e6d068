"""The record of an orphan, an EC2 instance with gpudesk's tags and no record, and the notification about it."""

from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.common.timeline import SYSTEM_ACTOR
from chalicelib.domain.instances.billing import Billing
from chalicelib.domain.instances.ec2_instance import AttachedDisks, Ec2State
from chalicelib.domain.instances.hardware import (
    build_hardware,
    describe_price,
    describe_unknown_disks,
    describe_unknown_gpus,
    find_rates,
)
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.lifetime import Lifetime
from chalicelib.domain.instances.names import is_plain
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState, Policy, Software, Spec
from chalicelib.domain.setup.state import SetupState

UNKNOWN_OWNER = "nobody"
"""The owner of an orphan without a valid owner tag."""

RECIPE = "bare"


def choose_record_id(ec2: ObservedInstance, *, is_taken: bool) -> str:
    """Return the id for the record of an orphan: its tag, or else one with its EC2 id.

    :param is_taken: another record has the id of the tag, because people copy tags
    """
    return ec2.tag_id if is_plain(ec2.tag_id) and not is_taken else f"gd-{ec2.instance_id.removeprefix('i-')}"


def build_orphan_record(
    ec2: ObservedInstance, record_id: str, disks: AttachedDisks | None, context: DecisionContext, now: datetime
) -> Instance:
    """Return the record of an orphan, with the policy of the desk.

    :param disks: None: unknown
    """
    is_stopped = ec2.state in (Ec2State.STOPPED, Ec2State.STOPPING)
    desired = DesiredState.STOPPED if is_stopped else DesiredState.RUNNING
    spec = _build_spec(ec2, desired, disks, context)
    return Instance(
        id=record_id,
        tagged_id=ec2.tag_id,
        name=ec2.name if is_plain(ec2.name) else ec2.instance_id,
        owner=ec2.owner if is_plain(ec2.owner) else UNKNOWN_OWNER,
        created_by=SYSTEM_ACTOR,
        created_at=now,
        spec=spec,
        setup=SetupState(recipe=RECIPE),
        phase=Phase.STOPPED if is_stopped else Phase.READY,
        phase_since=now,
        reason=EventReason(
            code=EventCode.ADOPTED, message="The EC2 instance had gpudesk tags but no record. gpudesk adopted it."
        ),
        ec2_instance=ec2.to_ec2_instance(),
        ready_since=now,
        observed=ObservedState(agent_seen=True),
        billing=Billing(rates=find_rates(ec2.instance_type, ec2.region, spec.priced_disk_gib, context.catalog)),
        lifetime=Lifetime(started_at=now),
        is_adopted_on_request=ec2.has_adopt_tag,
    )


def build_orphan_reason(instance: Instance, instance_id: str) -> EventReason:
    """Return the reason that the admins are notified of.

    :param instance_id: the EC2 id
    """
    return EventReason(
        code=EventCode.ADOPTED,
        message=f"{instance.name} ({instance_id}) has gpudesk tags but had no record. gpudesk stops it "
        f"after {pluralize(instance.spec.policy.max_hours, 'hour')}, or earlier if it is idle and its probe works. "
        f"Terminate it if nobody needs it.{describe_unknowns(instance)}",
    )


def describe_unknowns(instance: Instance) -> str:
    """Return what gpudesk does not know of the costs and the GPUs, as sentences after a space; it may be empty."""
    rates = instance.billing.rates
    price = f" {describe_price(instance.spec.hardware.instance_type, None)}" if rates.instance is None else ""
    disk = f" {describe_unknown_disks(instance.spec)}" if rates.disk is None else ""
    unknown_gpus = f" {gpus}" if (gpus := describe_unknown_gpus(instance.spec)) else ""
    return price + disk + unknown_gpus


def _build_spec(
    ec2: ObservedInstance, desired: DesiredState, disks: AttachedDisks | None, context: DecisionContext
) -> Spec:
    defaults = context.desk.defaults
    return Spec(
        desired=desired,
        region=ec2.region,
        market=ec2.market,
        disk_gib=disks.size_gib if disks else None,
        has_priced_disks=disks is None or disks.are_priced,
        hardware=build_hardware(ec2.instance_type, context.catalog),
        software=Software(recipe=RECIPE),
        policy=Policy(idle=defaults.idle_policy, max_hours=defaults.max_hours),
    )
