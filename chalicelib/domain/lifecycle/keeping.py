"""A keep: a lease that always ends. Granted to a person who asks the desk, or to the machine that passes a wish on."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.activity.heartbeat import Wish
from chalicelib.domain.activity.orders import Answer
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk import Ceilings
from chalicelib.domain.instance import Instance
from chalicelib.domain.lifecycle.rules import because, entry, warning_cancelled
from chalicelib.domain.plan import Entry, Plan
from chalicelib.domain.reason import Reason
from chalicelib.domain.warned import WarningKind

ON_THE_MACHINE = "somebody on the machine"
"""Who asked for a keep there: the desk cannot know, whoever is root there can say anything."""


def kept(instance: Instance, until: datetime, who: str, now: datetime) -> tuple[Instance, tuple[Entry, ...]]:
    """The lease, and the end of a warning that it overtakes.

    :param until: as far as it was granted
    """
    reason = because(EventCode.KEEP_GRANTED, f"{who} kept it until {until:%Y-%m-%d %H:%M} UTC")
    lines = [entry(now, reason, actor=who, details={"until": until.isoformat()})]
    warned = instance.warned
    leased = replace(instance, keep_until=until, keep_requested_by=who, told=None)
    if warned and (until > warned.acts_at or warned.kind is WarningKind.IDLE):
        leased = replace(leased, warned=None)
        lines.append(entry(now, warning_cancelled(instance, f"{who} kept it until {until:%Y-%m-%d %H:%M} UTC")))
    return leased, tuple(lines)


def keep_reason(instance: Instance) -> Reason:
    """Return until when an instance is kept, and who requested that.

    :raises ValueError: it is not kept
    """
    if instance.keep_until is None:
        raise ValueError(f"{instance.id} is not kept")
    until = f"{instance.keep_until:%Y-%m-%d %H:%M} UTC"
    return because(
        EventCode.KEEP_GRANTED, f"{instance.name} is kept until {until}, requested by {instance.keep_requested_by}."
    )


def wish_heard(instance: Instance, wish: Wish, limits: Ceilings, now: datetime) -> Plan:
    """What becomes of a keep that was asked for on the machine; each is answered once.

    It never reaches beyond `max_hours`: what a machine says must not move what bounds it.
    """
    until = now + timedelta(hours=min(wish.hours, limits.keep_hours))
    if instance.life_began_at:
        until = min(until, instance.life_began_at + timedelta(hours=instance.spec.max_hours))
    if until <= now:
        return _refused(instance, wish, "its maximum hours are over", now)
    if instance.keep_until and until <= instance.keep_until:
        kept_longer = f"it is kept until {instance.keep_until:%Y-%m-%d %H:%M} UTC already"
        answer = Answer(id=wish.id, granted=True, sentence=kept_longer)
        reason = because(EventCode.KEEP_ACTIVE, kept_longer)
        return Plan(instance=replace(instance, answer=answer), reason=reason, again=True)
    leased, lines = kept(instance, until, ON_THE_MACHINE, now)
    answer = Answer(id=wish.id, granted=True, sentence=f"kept until {until:%Y-%m-%d %H:%M} UTC")
    reason = because(EventCode.KEEP_GRANTED, lines[0].sentence)
    return Plan(instance=replace(leased, answer=answer), reason=reason, entries=lines, again=True)


def _refused(instance: Instance, wish: Wish, why: str, now: datetime) -> Plan:
    reason = because(EventCode.KEEP_REFUSED, f"a keep that {ON_THE_MACHINE} asked for is refused: {why}")
    answer = Answer(id=wish.id, granted=False, sentence=why)
    line = entry(now, reason, actor=ON_THE_MACHINE)
    return Plan(instance=replace(instance, answer=answer), reason=reason, entries=(line,), again=True)
