"""Build the record of an instance as it will run, with the type and the prices of that run, for budgets."""

from dataclasses import replace

from chalicelib.domain.instances.move_state import MoveStep
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState

STEPS_BEFORE_LAUNCH = (MoveStep.IMAGE, MoveStep.COPY)


def to_expected_run(instance: Instance) -> Instance:
    """Return the record as it will run if nobody requests anything else.

    A move launches the instance at its target, and a start can change its type. Until then the record has the former
    type and rates.
    """
    move, start, billing = instance.move, instance.start, instance.billing
    if move and move.step in STEPS_BEFORE_LAUNCH:
        spec = replace(instance.spec, desired=DesiredState.RUNNING, hardware=move.target.hardware)
        return replace(instance, phase=Phase.STOPPED, spec=spec, billing=replace(billing, rates=move.target.rates))
    if start.instance_type and start.rates:
        return replace(instance, billing=replace(billing, rates=start.rates))
    return instance


def build_expected_run(before: Instance, after: Instance) -> Instance | None:
    """Return the record as it will run after a request: a start, another type for a start, or a move.

    :param before: the record before the request
    :param after: the record with the request
    :returns: None if the request starts nothing
    """
    is_start = after.spec.desired is DesiredState.RUNNING and before.spec.desired is not DesiredState.RUNNING
    is_resize = after.start.instance_type not in (None, before.start.instance_type)
    is_move = after.move is not None and before.move is None
    return to_expected_run(after) if is_start or is_resize or is_move else None
