"""What will run because of a request, with the prices of then, so that budgets can be checked before."""

from dataclasses import replace

from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spec import DesiredState


def build_expected_run(before: Instance, after: Instance) -> Instance | None:
    """Return the record as it will run after a request: a start, another type for a start, or a move.

    :param before: the record before the request
    :param after: the record with the request
    :returns: None if the request starts nothing
    """
    is_start = after.spec.desired is DesiredState.RUNNING and before.spec.desired is not DesiredState.RUNNING
    is_resize = after.start.instance_type not in (None, before.start.instance_type)
    if after.move and before.move is None:
        spec = replace(after.spec, desired=DesiredState.RUNNING, hardware=after.move.target.hardware)
        billing = replace(after.billing, rates=after.move.target.rates)
        return replace(after, phase=Phase.STOPPED, spec=spec, billing=billing)
    if not is_start and not is_resize:
        return None
    rates = after.start.rates if after.start.instance_type else None
    return replace(after, billing=replace(after.billing, rates=rates)) if rates else after
