"""Notify or record a fact once, as long as it lasts, and remind people each day of a fact that costs money.

`Instance.notified` holds the facts that were notified or recorded and still hold, with the time of the last entry. Each
fact has its own code, so that one cannot replace another. A code is removed when its fact ends:

- `tags_lost`: EC2 shows the instance with its gpudesk tags
- `terminate_pending`: no image of the instance is in progress
- `lifetime_warning` (recorded in a dry run): the end of the lifetime moved
- `idle_warning` (recorded in a dry run): the instance is in use, or has a keep
- `failed_warning`, `no_agent_warning` (recorded in a dry run): the instance has a keep
- `activity_unknown`: the activity is known
- `no_capacity_yet`: another zone has no capacity, or the launch begins again
- `move_leftover`: nothing of the move is left
- `stop_refused`, `terminate_refused`: AWS accepts the call
- `spot_interrupted` (of an instance that EC2 is stopping): the instance is stopped, which is another phase
- `stop_overdue`, `terminate_overdue`: the instance is stopped or terminated, which is another phase

A stop warning that is really sent removes its own code. Another phase (`plans.with_phase`) removes all.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import REMINDER_INTERVAL
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance

REMINDED_FACTS = frozenset(
    {
        EventCode.ACTIVITY_UNKNOWN,
        EventCode.TAGS_LOST,
        EventCode.STOP_REFUSED,
        EventCode.STOP_OVERDUE,
        EventCode.TERMINATE_REFUSED,
        EventCode.TERMINATE_OVERDUE,
        EventCode.MOVE_LEFTOVER,
    }
)
"""Facts that only a person can end, while AWS bills the instance."""

KEPT_FACTS = (EventCode.IDLE_WARNING, EventCode.FAILED_WARNING, EventCode.NO_AGENT_WARNING)
"""Facts that a keep ends: none of these warnings is sent while it lasts."""


def is_entry_due(instance: Instance, fact: EventCode, now: datetime) -> bool:
    """Return whether the fact was not recorded yet, or a day ago and people must be reminded of it."""
    recorded_at = instance.notified.get(fact)
    return recorded_at is None or (fact in REMINDED_FACTS and now - recorded_at >= REMINDER_INTERVAL)


def record_once(instance: Instance, fact: EventCode, reason: EventReason, now: datetime, **details: str) -> Plan:
    """Write a timeline entry if one is due; else do nothing.

    :param fact: the code to remember; it differs from the code of `reason` in a dry run
    """
    if not is_entry_due(instance, fact, now):
        return Plan(instance=instance, reason=reason)
    return Plan(
        instance=replace(instance, notified={**instance.notified, fact: now}),
        reason=reason,
        timeline=(timeline_entry(now, reason, details=details),),
    )


def forget_facts(instance: Instance, *facts: EventCode) -> Instance:
    """Return the record without facts that ended. If they come back, they are notified again."""
    return replace(instance, notified={fact: at for fact, at in instance.notified.items() if fact not in facts})


def forget_ended_facts(instance: Instance, observation: Observation, now: datetime) -> Instance:
    """Return the record without the facts that the record, the observation or the time shows to be over."""
    warning_due_at = instance.lifetime_warning_due_at
    is_over = {
        EventCode.ACTIVITY_UNKNOWN: instance.observed.activity_unknown_since is None,
        EventCode.TAGS_LOST: isinstance(observation.ec2, ObservedInstance),
        EventCode.MOVE_LEFTOVER: instance.move is None,
        EventCode.TERMINATE_PENDING: not instance.has_image_in_progress(now),
        EventCode.LIFETIME_WARNING: warning_due_at is None or now < warning_due_at,
    }
    return forget_facts(instance, *(fact for fact, over in is_over.items() if over))
