"""Keep the place that an instance leaves with the launch at its target, and take it back if the move fails."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.instances.lifecycle.plans import require_ec2_instance, with_phase
from chalicelib.domain.instances.move_state import FormerPlace
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


def build_former_place(instance: Instance) -> FormerPlace:
    """Return what the record has before the launch at the target."""
    return FormerPlace(
        region=instance.spec.region,
        market=instance.spec.market,
        launch_choice=instance.spec.launch_choice,
        tries=instance.launch.tries,
        hardware=instance.spec.hardware,
        ec2_instance=require_ec2_instance(instance),
        setup=instance.setup,
        rates=instance.billing.rates,
        free_disk_gib=instance.spec.free_disk_gib,
        has_priced_disks=instance.spec.has_priced_disks,
        tagged_id=instance.tagged_id,
        interruption=instance.observed.interruption,
    )


def take_back(instance: Instance, former: FormerPlace, reason: EventReason, now: datetime) -> Instance:
    """Return the record with its former EC2 instance, stopped."""
    newer, launch = instance.ec2_instance, instance.launch
    former_id = former.ec2_instance.instance_id
    ended_ids = tuple(each for each in launch.ended_instance_ids if each != former_id)
    return replace(
        with_phase(instance, Phase.STOPPED, reason, now),
        ec2_instance=former.ec2_instance,
        tagged_id=former.tagged_id,
        launch=replace(
            launch,
            attempt=None,
            tries=former.tries,
            next_offer=None,
            retry_at=None,
            ended_instance_ids=(*ended_ids, newer.instance_id) if newer else ended_ids,
        ),
        spec=replace(
            instance.spec,
            desired=DesiredState.TERMINATED if instance.is_termination_requested else DesiredState.STOPPED,
            region=former.region,
            market=former.market or instance.spec.market,
            launch_choice=former.launch_choice,
            hardware=former.hardware,
            free_disk_gib=former.free_disk_gib,
            has_priced_disks=former.has_priced_disks,
        ),
        setup=replace(former.setup, number=instance.setup.number),
        billing=replace(instance.billing, rates=former.rates),
        claim=None,
        warning=None,
        ready_since=None,
        lifetime=replace(instance.lifetime, started_at=None),
        observed=ObservedState(agent_seen=True, interruption=former.interruption),
    )
