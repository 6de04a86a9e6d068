"""The record of an instance whose adoption an admin requested: its first keep, and the notification about it."""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.domain.common.deadlines import ADOPTION_KEEP
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_date_time, pluralize
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.foreign.adoption import Adoption
from chalicelib.domain.instances.orphan_record import describe_unknowns
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import DesiredState


def apply_adoption(instance: Instance, adoption: Adoption, desk: DeskSettings, now: datetime) -> Instance:
    """Return the record with the requester and, if it runs, with a keep, so that nobody is surprised by a stop.

    The keep is as long as `ADOPTION_KEEP`, or as the limit of the desk if that is shorter.
    """
    message = f"gpudesk has managed the EC2 instance since {adoption.requested_by} requested its adoption."
    reason = EventReason(code=EventCode.ADOPTED_ON_REQUEST, message=message)
    instance = replace(instance, created_by=adoption.requested_by, reason=reason)
    if instance.spec.desired is not DesiredState.RUNNING:
        return instance
    keep_until = now + min(ADOPTION_KEEP, timedelta(hours=desk.limits.keep_hours))
    lifetime = replace(instance.lifetime, keep_until=keep_until, keep_requested_by=adoption.requested_by)
    return replace(instance, lifetime=lifetime)


def build_adoption_reason(instance: Instance, adoption: Adoption) -> EventReason:
    """Return the reason that the owner and the admins are notified of."""
    ends_at = instance.lifetime_ends_at
    if instance.spec.desired is DesiredState.RUNNING and ends_at:
        terms = (
            f"gpudesk stops it at {format_date_time(ends_at)}, and warns before. A longer keep or a larger max_hours "
            "lets it run longer."
        )
    else:
        hours = pluralize(instance.spec.policy.max_hours, "hour")
        terms = f"It is stopped. After a start, gpudesk stops it after {hours}, and warns before."
    message = (
        f"{instance.name} ({adoption.instance_id}) is now managed by gpudesk and belongs to {instance.owner}: "
        f"{adoption.requested_by} requested it. {terms} {adoption.message}{describe_unknowns(instance)}"
    )
    return EventReason(code=EventCode.ADOPTED_ON_REQUEST, message=message)
