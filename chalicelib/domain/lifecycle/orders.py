"""What a machine is to know: the desk's own copies, from the record."""

from chalicelib.domain.activity.orders import Announced, Orders, as_read
from chalicelib.domain.desk import DeskSettings
from chalicelib.domain.instance import Action, Instance


def takes_orders(instance: Instance) -> bool:
    """Whether its machine is told what holds now. One that is being ended is not: a warning that were not among the
    orders any more would be passed on to its people as withdrawn, while it is acted on."""
    return instance.claim is None or instance.claim.action is Action.START


def orders_for(instance: Instance, desk: DeskSettings) -> Orders:
    """The orders as they should stand; given where the machine's item holds others."""
    warned = instance.warned
    orders = Orders(
        mode=str(desk.mode),
        policy=instance.spec.idle_policy,
        keep_until=instance.keep_until,
        warning=Announced(id=warned.id, kind=str(warned.kind), acts_at=warned.acts_at) if warned else None,
        answer=instance.answer,
    )
    return as_read(orders)
