"""Record an EC2 instance whose launch EC2 accepts only after its move has ended, so that the clean-up terminates it."""

from dataclasses import replace

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instances.ec2_instance import Ec2Instance
from chalicelib.domain.instances.lifecycle.plans import no_op
from chalicelib.domain.instances.move_state import MoveStep, ObsoleteInstance, add_obsolete
from chalicelib.domain.instances.plan import Launch, Plan, Step
from chalicelib.domain.instances.record import Instance


def is_launch_of_ended_move(instance: Instance, launched: Ec2Instance) -> bool:
    """Return whether an EC2 instance was launched for a move that has ended meanwhile, and nobody knows it."""
    known = (*instance.held_ec2_ids, *instance.launch.ended_instance_ids)
    return instance.move is not None and instance.move.step is MoveStep.CLEAN_UP and launched.instance_id not in known


def record_late_launch(instance: Instance, step: Step, launched: Ec2Instance) -> Plan:
    """Let the clean-up of the move terminate the EC2 instance."""
    move = instance.move
    if move is None or not isinstance(step, Launch):
        raise ValueError(f"{instance.id}: {launched.instance_id} is no launch of a move")
    obsolete = ObsoleteInstance(
        region=step.attempt.region,
        instance_id=launched.instance_id,
        spot_instance_request_id=launched.spot_instance_request_id,
    )
    ended_ids = (*instance.launch.ended_instance_ids, launched.instance_id)
    changed = replace(
        instance,
        move=add_obsolete(move, obsolete),
        launch=replace(instance.launch, ended_instance_ids=ended_ids),
    )
    message = f"EC2 launched {launched.instance_id} for the move of {instance.name} after its end. It is terminated."
    return replace(no_op(changed, EventCode.MOVING, message), requeue=True)
