"""Read what a heartbeat reports besides activity, and build the heartbeat response.

A heartbeat can report another boot, a keep request, and a stop warning that was shown to people on the instance.
"""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.text import format_time
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.idle.heartbeat import Acknowledgement, Heartbeat
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse, normalize_response
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.commands.keep import process_keep_request
from chalicelib.domain.instances.lifecycle.plans import DecisionContext, record_event, require_ec2_instance
from chalicelib.domain.instances.lifecycle.stop_warnings import record_delivery
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase


def process_heartbeat(
    instance: Instance, observation: Observation, now: datetime, context: DecisionContext
) -> Plan | None:
    """Decide what follows from the messages of a heartbeat, one message per decision.

    A heartbeat that was sent before the last start says nothing about the instance as it is now.

    :returns: None if the heartbeat has nothing new
    """
    heartbeat = observation.heartbeat
    if not isinstance(heartbeat, Heartbeat) or heartbeat.instance_id != require_ec2_instance(instance).instance_id:
        return None
    if instance.lifetime.started_at and heartbeat.at <= instance.lifetime.started_at:
        return None
    if heartbeat.boot_id != instance.observed.boot_id:
        return _record_boot(instance, heartbeat.boot_id, now)
    request = heartbeat.keep_request
    if request and (instance.keep_result is None or instance.keep_result.id != request.id):
        return process_keep_request(instance, request, context.desk.limits, now)
    return _record_acknowledgement(instance, heartbeat.acknowledged, now)


def expects_response(instance: Instance) -> bool:
    """Return whether gpudesk updates the heartbeat response of an instance.

    It does not while it stops or terminates the instance: a response without the stop warning would make the probe tell
    people that the warning was cancelled, although gpudesk is acting on it.
    """
    return instance.claim is None or instance.claim.action is ClaimAction.START


def build_response(instance: Instance, desk: DeskSettings) -> HeartbeatResponse:
    """Build the heartbeat response that the instance should read now.

    Its signals are those that must be quiet on this hardware, so that the instance judges itself by gpudesk's rule.
    """
    warning, enabled = instance.warning, instance.spec.enabled_signals
    response = HeartbeatResponse(
        mode=str(desk.mode),
        policy=replace(instance.spec.policy.idle, signals=tuple(name for name in SIGNALS if name in enabled)),
        keep_until=instance.lifetime.keep_until,
        warning=(
            ActiveWarning(id=warning.id, warning_type=str(warning.warning_type), stop_at=warning.stop_at)
            if warning
            else None
        ),
        keep_result=instance.keep_result,
        before_stop_hook=instance.spec.policy.before_stop_hook,
    )
    return normalize_response(response)


def _record_boot(instance: Instance, boot_id: str, now: datetime) -> Plan:
    booted = replace(instance, observed=replace(instance.observed, boot_id=boot_id))
    name = instance.name
    if instance.observed.boot_id is None:
        reason = EventReason(code=EventCode.FIRST_HEARTBEAT, message=f"The probe of {name} sent its first heartbeat.")
        return Plan(instance=booted, reason=reason, requeue=True)
    if instance.phase is Phase.SETTING_UP or instance.image_in_progress:
        cause = "its setup" if instance.phase is Phase.SETTING_UP else "the creation of an image"
        reason = EventReason(code=EventCode.REBOOTED_BY_SETUP, message=f"{name} rebooted during {cause}.")
        return Plan(instance=booted, reason=reason, requeue=True)
    message = (
        f"{name} was rebooted outside gpudesk. All programs that ran on it have ended: start them again. "
        f"{_describe_reboot_effect(instance)}"
    )
    plan = record_event(booted, EventReason(code=EventCode.REBOOTED, message=message), now)
    return replace(plan, requeue=True)


def _describe_reboot_effect(instance: Instance) -> str:
    if instance.phase is Phase.FAILED and instance.warning:
        return f"It will still be stopped at {format_time(instance.warning.stop_at)}."
    return "Its idle window starts again now."


def _record_acknowledgement(instance: Instance, acknowledged: Acknowledgement, now: datetime) -> Plan | None:
    """Record a stop warning that the probe showed on at least one terminal or in JupyterLab.

    If no terminal or notebook was open, the warning was not delivered.
    """
    if acknowledged.warning_id is None:
        return None
    for channel, count in (("terminals", acknowledged.terminals), ("jupyterlab", acknowledged.jupyter_servers)):
        plan = record_delivery(instance, acknowledged.warning_id, channel, now) if count else None
        if plan:
            return replace(plan, requeue=True)
    return None
