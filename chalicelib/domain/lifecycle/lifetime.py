"""`max_hours`: what bounds every instance, whatever it does and whatever is known of it."""

from datetime import datetime

from chalicelib.domain.instance import Action, Instance, Warned, WarningKind
from chalicelib.domain.lifecycle.rules import because, claim, nothing, warn, withdraw
from chalicelib.domain.plan import Plan

LOST_BY_A_STOP = (
    "A stop ends what runs (kernels, terminals) and empties /tmp and instance-store disks; the root disk is kept"
)


def lifetime(instance: Instance, evidence: str, now: datetime) -> Plan | None:
    """Warned of `warning_minutes` before its end, stopped then, also if it is busy; a keep moves the end.

    :param evidence: what it is doing, in words
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
            f"its {instance.spec.max_hours} hours are over: it will be stopped at {acts_at:%H:%M} UTC, also if it is "
            f"busy ({evidence}). {LOST_BY_A_STOP}. A keep moves the end"
        )
        warned = Warned(kind=WarningKind.LIFETIME, at=now, acts_at=acts_at, sentence=sentence)
        return warn(instance, warned, "lifetime_warning", {"evidence": evidence})
    if now >= warned.acts_at:
        reason = because("lifetime_over", f"stopping: its lifetime is over; warned at {warned.at:%H:%M} UTC")
        return claim(instance, Action.STOP, reason, now, WarningKind.LIFETIME)
    return nothing(instance, "lifetime_warned", f"its lifetime is over: it will be stopped at {warned.acts_at:%H:%M}")
