"""`max_hours`: what bounds every instance, whatever it does and whatever is known of it."""

from datetime import datetime

from chalicelib.domain.activity.heartbeat import Report
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import pluralize
from chalicelib.domain.instance import Action, Instance
from chalicelib.domain.lifecycle.losses import losses
from chalicelib.domain.lifecycle.rules import because, claim, nothing, undelivered, warn, withdraw
from chalicelib.domain.plan import Plan
from chalicelib.domain.warned import Warned, WarningKind


def lifetime(instance: Instance, evidence: str, now: datetime, report: Report = None) -> Plan | None:
    """Warned of `warning_minutes` before its end, stopped then, also if it is busy; a keep moves the end.

    :param evidence: what it is doing, as a clause
    :param report: the machine's own, for what a stop would end
    :returns: None while its end is not near
    """
    ends_at, warned = instance.ends_at, instance.warned
    notice = instance.spec.idle_policy.notice
    if ends_at is None or now < ends_at - notice:
        is_moved = warned is not None and warned.kind is WarningKind.LIFETIME
        return withdraw(instance, "its lifetime was extended", now) if is_moved else None
    if warned is None or warned.kind is not WarningKind.LIFETIME:
        acts_at = max(ends_at, now + notice)
        sentence = (
            f"{_what_ends(instance)} at {ends_at:%H:%M} UTC. It will be stopped at {acts_at:%H:%M} UTC, even if it is "
            f"in use ({evidence}). {losses(instance, report)}. To run it longer, press Keep."
        )
        warned = Warned(kind=WarningKind.LIFETIME, at=now, acts_at=acts_at, sentence=sentence)
        return warn(instance, warned, EventCode.LIFETIME_WARNING, evidence)
    if warned.is_due(now):
        reason = because(EventCode.LIFETIME_OVER, f"Its maximum lifetime is over. {warned.in_words}")
        return claim(instance, Action.STOP, reason, now, WarningKind.LIFETIME)
    if now >= warned.acts_at:
        return undelivered(instance, warned)
    return nothing(
        instance,
        EventCode.LIFETIME_WARNING_ACTIVE,
        f"its lifetime is over: it will be stopped at {warned.acts_at:%H:%M}",
    )


def _what_ends(instance: Instance) -> str:
    if instance.keep_until and instance.keep_until == instance.ends_at:
        return f"The keep of {instance.name} ends"
    return f"{instance.name} reaches its maximum lifetime of {pluralize(instance.spec.max_hours, 'hour')}"
