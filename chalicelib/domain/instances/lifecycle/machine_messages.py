"""What a machine says of itself besides its activity: another boot, a keep that is wished for, a warning passed on."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.idle.heartbeat import Acknowledgement, Heartbeat
from chalicelib.domain.instances.commands.keep import process_keep_request
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, record_event, require_machine
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.warning import WarningDelivery


def process_heartbeat(
    instance: Instance, observation: Observation, now: datetime, rules: DecisionContext
) -> Plan | None:
    """What follows from it; None where there is nothing new. Each thing is taken up once, one in a look.

    The last report of a life that is over says nothing of this one.
    """
    heartbeat = observation.heartbeat
    if not isinstance(heartbeat, Heartbeat) or heartbeat.instance_id != require_machine(instance).instance_id:
        return None
    if instance.lifetime.started_at and heartbeat.at <= instance.lifetime.started_at:
        return None
    if heartbeat.boot_id != instance.observed.boot_id:
        return _booted(instance, heartbeat.boot_id, now)
    if heartbeat.keep_request and (
        instance.keep_result is None or instance.keep_result.id != heartbeat.keep_request.id
    ):
        return process_keep_request(instance, heartbeat.keep_request, rules.desk.limits, now)
    return _passed_on(instance, heartbeat.acknowledged, now)


def record_delivery(instance: Instance, warning_id: str, channel: str, now: datetime) -> Plan | None:
    """A channel has taken the warning that stands; None where that is known, or it stands no more."""
    warned = instance.warning
    if warned is None or warned.id != warning_id or warned.is_delivered_by(channel):
        return None
    reached = replace(warned, deliveries=(*warned.deliveries, WarningDelivery(channel=channel, delivered_at=now)))
    reason = EventReason(code=EventCode.WARNING_DELIVERED, message=f"the warning was delivered by {channel}")
    return record_event(replace(instance, warning=reached), reason, now, channel=channel, warning=warning_id)


def _booted(instance: Instance, boot_id: str, now: datetime) -> Plan:
    booted = replace(instance, observed=replace(instance.observed, boot_id=boot_id))
    if instance.observed.boot_id is None:
        reason = EventReason(code=EventCode.FIRST_HEARTBEAT, message="its probe reports")
        return Plan(instance=booted, reason=reason, requeue=True)
    if instance.phase is Phase.SETTING_UP or instance.image_in_progress:
        reason = EventReason(
            code=EventCode.REBOOTED_BY_SETUP, message="it was rebooted, as its setup or its image asked for"
        )
        return Plan(instance=booted, reason=reason, requeue=True)
    message = (
        f"{instance.name} was rebooted outside gpudesk. Whatever ran on it has ended: start it again. Its idle window "
        "begins anew."
    )
    reason = EventReason(code=EventCode.REBOOTED, message=message)
    return replace(record_event(booted, reason, now), requeue=True)


def _passed_on(instance: Instance, by_machine: Acknowledgement, now: datetime) -> Plan | None:
    """A warning that reached a terminal or a notebook has reached somebody; one written to nobody has not."""
    if by_machine.warning_id is None:
        return None
    for channel, count in (("terminals", by_machine.terminals), ("jupyterlab", by_machine.jupyter_servers)):
        plan = record_delivery(instance, by_machine.warning_id, channel, now) if count else None
        if plan:
            return replace(plan, requeue=True)
    return None
