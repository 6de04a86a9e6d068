"""What a machine says of itself besides its activity: another boot, a keep that is wished for, a warning passed on."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.activity.heartbeat import Heard, Heartbeat
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.instance import Instance, Phase
from chalicelib.domain.lifecycle.keeping import wish_heard
from chalicelib.domain.lifecycle.rules import Rules, because, running, told
from chalicelib.domain.observation import Observation
from chalicelib.domain.plan import Plan
from chalicelib.domain.warned import Delivered


def heard(instance: Instance, seen: Observation, now: datetime, rules: Rules) -> Plan | None:
    """What follows from it; None where there is nothing new. Each thing is taken up once, one in a look.

    The last report of a life that is over says nothing of this one.
    """
    beat = seen.heartbeat
    if not isinstance(beat, Heartbeat) or beat.instance_id != running(instance).instance_id:
        return None
    if instance.life_began_at and beat.at <= instance.life_began_at:
        return None
    if beat.boot_id != instance.boot_id:
        return _booted(instance, beat.boot_id, now)
    if beat.wish and (instance.answer is None or instance.answer.id != beat.wish.id):
        return wish_heard(instance, beat.wish, rules.desk.limits, now)
    return _passed_on(instance, beat.heard, now)


def delivered(instance: Instance, warning_id: str, channel: str, now: datetime) -> Plan | None:
    """A channel has taken the warning that stands; None where that is known, or it stands no more."""
    warned = instance.warned
    if warned is None or warned.id != warning_id or warned.has_reached(channel):
        return None
    reached = replace(warned, delivered=(*warned.delivered, Delivered(channel=channel, at=now)))
    reason = because(EventCode.WARNING_DELIVERED, f"the warning was delivered by {channel}")
    return told(replace(instance, warned=reached), reason, now, channel=channel, warning=warning_id)


def _booted(instance: Instance, boot_id: str, now: datetime) -> Plan:
    booted = replace(instance, boot_id=boot_id)
    if instance.boot_id is None:
        reason = because(EventCode.FIRST_HEARTBEAT, "its probe reports")
        return Plan(instance=booted, reason=reason, again=True)
    if instance.phase is Phase.SETTING_UP or instance.imaging:
        reason = because(EventCode.REBOOTED_BY_SETUP, "it was rebooted, as its setup or its image asked for")
        return Plan(instance=booted, reason=reason, again=True)
    sentence = (
        f"{instance.name} was rebooted outside gpudesk. Whatever ran on it has ended: start it again. Its idle window "
        "begins anew."
    )
    reason = because(EventCode.REBOOTED, sentence)
    return replace(told(booted, reason, now), again=True)


def _passed_on(instance: Instance, by_machine: Heard, now: datetime) -> Plan | None:
    """A warning that reached a terminal or a notebook has reached somebody; one written to nobody has not."""
    if by_machine.warning_id is None:
        return None
    for channel, count in (("terminals", by_machine.terminals), ("jupyterlab", by_machine.notebooks)):
        plan = delivered(instance, by_machine.warning_id, channel, now) if count else None
        if plan:
            return replace(plan, again=True)
    return None
