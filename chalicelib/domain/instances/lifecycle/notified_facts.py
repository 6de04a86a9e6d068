"""Notify or record a fact once, as long as it lasts.

`Instance.notified` holds the codes of the facts that were notified or recorded and still hold. Each fact has its own
code, so that one cannot replace another. A code is removed when its fact ends:

- `tags_lost`: EC2 shows the instance with its gpudesk tags
- `terminate_pending`: no image of the instance is in progress
- `lifetime_warning` (recorded in a dry run): the end of the lifetime moved
- `idle_warning` (recorded in a dry run): the instance is in use, or somebody keeps it
- `failed_warning`, `no_agent_warning` (recorded in a dry run): somebody keeps the instance
- `activity_unknown`: the activity is known
- `no_capacity_yet`: another zone has no capacity, or the launch begins again
- `stop_refused`, `terminate_refused`: AWS accepts the call

A stop warning that is really sent removes its own code. Another phase (`plans.with_phase`) removes all.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance

KEPT_FACTS = (EventCode.IDLE_WARNING, EventCode.FAILED_WARNING, EventCode.NO_AGENT_WARNING)
"""Facts that a keep ends: none of these warnings is sent while it lasts."""


def record_once(instance: Instance, fact: EventCode, reason: EventReason, now: datetime, **details: str) -> Plan:
    """Write a timeline entry if the fact was not recorded before; else do nothing.

    :param fact: the code to remember; it differs from the code of `reason` in a dry run
    """
    if fact in instance.notified:
        return Plan(instance=instance, reason=reason)
    return Plan(
        instance=replace(instance, notified=instance.notified | {fact}),
        reason=reason,
        timeline=(timeline_entry(now, reason, details=details),),
    )


def forget_facts(instance: Instance, *facts: EventCode) -> Instance:
    """Return the record without facts that ended. If they come back, they are notified again."""
    return replace(instance, notified=instance.notified.difference(facts))


def forget_ended_facts(instance: Instance, observation: Observation, now: datetime) -> Instance:
    """Return the record without the facts that the record, the observation or the time shows to be over."""
    warning_due_at = instance.lifetime_warning_due_at
    is_over = {
        EventCode.ACTIVITY_UNKNOWN: instance.observed.activity_unknown_since is None,
        EventCode.TAGS_LOST: isinstance(observation.ec2, ObservedInstance),
        EventCode.TERMINATE_PENDING: not instance.has_image_in_progress(now),
        EventCode.LIFETIME_WARNING: warning_due_at is None or now < warning_due_at,
    }
    return forget_facts(instance, *(fact for fact, over in is_over.items() if over))
