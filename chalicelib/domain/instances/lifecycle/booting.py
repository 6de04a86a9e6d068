"""Decide for an instance that was launched or started and whose SSM agent has not responded yet."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import AGENT_DEADLINE, AGENT_WARNING_BEFORE
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import format_date_time, format_duration, format_time, pluralize
from chalicelib.domain.desk.settings import DeskSettings, Mode
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.ec2_instance import Ec2State
from chalicelib.domain.instances.hardware import describe_price, describe_unknown_disks, describe_unknown_gpus
from chalicelib.domain.instances.lifecycle.actions import begin_action, plan_desired_state
from chalicelib.domain.instances.lifecycle.lifetime import decide_lifetime
from chalicelib.domain.instances.lifecycle.plans import no_op, record_event, require_ec2_instance, with_phase
from chalicelib.domain.instances.lifecycle.start_wait import record_found_capacity
from chalicelib.domain.instances.lifecycle.starting import retry_start
from chalicelib.domain.instances.lifecycle.stop_impact import describe_missing_stop
from chalicelib.domain.instances.lifecycle.stop_warnings import cancel_warning, issue_warning
from chalicelib.domain.instances.move_state import remove_former_disk
from chalicelib.domain.instances.observation import Observation, ObservedAgent, Unavailable
from chalicelib.domain.instances.plan import Plan
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spot_rates import describe_spot_saving
from chalicelib.domain.instances.start_state import StartState
from chalicelib.domain.instances.warning import StopWarning, WarningType

NO_AGENT_MESSAGE = (
    "The SSM agent of {name} has not responded for {duration} since the start. Likely causes: the subnet has no "
    "route to the internet or to the endpoints of SSM (NAT gateway, public address, or VPC endpoints ssm, ssmmessages "
    "and ec2messages); the security group of an endpoint rejects the instance; the role of the instance profile lacks "
    "ssm:UpdateInstanceInformation, ssmmessages and ec2messages."
)


def decide(instance: Instance, observation: Observation, now: datetime, desk: DeskSettings) -> Plan:
    """Decide what follows until the SSM agent has responded once since the launch or start."""
    ec2_instance = require_ec2_instance(instance)
    requested = plan_desired_state(instance, now)
    if requested:
        return requested
    if ec2_instance.state in (Ec2State.STOPPED, Ec2State.STOPPING):
        return retry_start(instance, now, desk)
    instance = replace(instance, claim=None)
    if instance.start != StartState() and ec2_instance.state is Ec2State.RUNNING:
        if instance.start.refused_since:
            return record_found_capacity(instance, now)
        instance = replace(instance, start=StartState())
    lifetime = decide_lifetime(instance, "It is booting.", now, observation)
    if lifetime:
        return lifetime
    if instance.is_adopted_on_request and ec2_instance.state is Ec2State.RUNNING:
        return _skip_agent(instance, now)
    if isinstance(observation.agent, Unavailable):
        agent = observation.agent
        message = f"SSM {agent.past}, so gpudesk decides nothing about {instance.name}: {agent.error}"
        return no_op(instance, EventCode.AWS_UNAVAILABLE, message)
    if isinstance(observation.agent, ObservedAgent) and _is_of_this_boot(observation.agent, ec2_instance.launched_at):
        return _record_agent(instance, now, desk.mode)
    if ec2_instance.state is Ec2State.RUNNING and not instance.has_keep(now):
        return _decide_without_agent(instance, ec2_instance.launched_at, now)
    return _wait_for_agent(instance)


def to_ready(instance: Instance, summary: str, now: datetime, mode: Mode) -> Plan:
    """Return the plan that makes an instance ready. Its idle window begins now.

    :param summary: what was started or set up, as a sentence
    """
    ready = f"{instance.name} is ready. {summary}"
    connect = f"To connect, press Connect or run gpudesk-session {instance.name} on your computer."
    terms = f"{_describe_cost(instance)} {_describe_stop_terms(instance, mode, now)}"
    return _record_ready(instance, f"{ready} {terms} {connect}", f"{ready} {connect}", now)


def _skip_agent(instance: Instance, now: datetime) -> Plan:
    """Make an adopted instance ready without waiting for an SSM agent: it may have none."""
    ends_at = instance.lifetime_ends_at
    end = f" Its lifetime ends at {format_date_time(ends_at)}." if ends_at else ""
    runs, expected = f"{instance.name} runs.", "gpudesk did not launch it and expects no probe."
    message = f"{runs} {_describe_cost(instance)} {expected}{end}"
    return _record_ready(instance, message, f"{runs} {expected}", now)


def _record_ready(instance: Instance, message: str, lasting_message: str, now: datetime) -> Plan:
    """Return the plan that makes an instance ready.

    :param message: for the timeline and the notification, as of now
    :param lasting_message: for the record, without what can change while it is ready: prices, policy, lifetime
    """
    lasting = EventReason(code=EventCode.READY, message=lasting_message)
    ready = replace(with_phase(instance, Phase.READY, lasting, now), ready_since=now)
    return record_event(ready, replace(lasting, message=message), now)


def _is_of_this_boot(agent: ObservedAgent, launched_at: datetime) -> bool:
    """Return whether the agent has responded since the start: its status stays Online for minutes after a stop."""
    return agent.online and agent.last_ping_at > launched_at


def _record_agent(instance: Instance, now: datetime, mode: Mode) -> Plan:
    """Go on to the setup, or to ready if the setup is done, since the agent responds."""
    if instance.warning and instance.warning.warning_type is WarningType.NO_AGENT:
        return replace(cancel_warning(instance, "Its SSM agent responds now.", now), requeue=True)
    instance = replace(instance, observed=replace(instance.observed, agent_seen=True))
    if instance.setup.is_done:
        return to_ready(instance, _describe_start(instance, now), now, mode)
    message = f"The SSM agent of {instance.name} responds. Recipe {instance.setup.recipe} is being set up."
    reason = EventReason(code=EventCode.SETTING_UP, message=message)
    plan = record_event(with_phase(instance, Phase.SETTING_UP, reason, now), reason, now)
    return replace(plan, requeue=True)


def _decide_without_agent(instance: Instance, launched_at: datetime, now: datetime) -> Plan:
    """Warn about an instance whose agent does not respond, then stop it; terminate it if it was never set up."""
    explanation = NO_AGENT_MESSAGE.format(name=instance.name, duration=format_duration(now - launched_at))
    action = ClaimAction.STOP if instance.observed.agent_seen else ClaimAction.TERMINATE
    if instance.warning and instance.warning.can_act(now):
        reason = EventReason(code=EventCode.NO_AGENT, message=explanation)
        return begin_action(instance, action, reason, now, WarningType.NO_AGENT)
    deadline = launched_at + AGENT_DEADLINE + instance.spec.hardware.boot_allowance
    if instance.is_launching_for_move:
        return _fail_at_target(instance, explanation, now) if now >= deadline else _wait_for_agent(instance)
    if instance.warning or now < deadline - AGENT_WARNING_BEFORE:
        return _wait_for_agent(instance)
    stop_at = max(deadline, now + AGENT_WARNING_BEFORE)
    loss = "Its disk stays." if action is ClaimAction.STOP else "Nothing was set up on it yet. Its disk is deleted."
    message = (
        f"{explanation} gpudesk will {action} {instance.name} at {format_time(stop_at)} unless the agent responds "
        f"before. {loss} To leave it running, press Keep."
    )
    warning = StopWarning(warning_type=WarningType.NO_AGENT, created_at=now, stop_at=stop_at, message=message)
    return issue_warning(instance, warning, EventCode.NO_AGENT_WARNING, explanation, action=action)


def _fail_at_target(instance: Instance, explanation: str, now: datetime) -> Plan:
    """Fail the boot of a move. Nothing is lost, so nobody is warned. The next decision ends the move."""
    reason = EventReason(code=EventCode.NO_AGENT, message=explanation)
    return Plan(instance=with_phase(instance, Phase.FAILED, reason, now), reason=reason, requeue=True)


def _wait_for_agent(instance: Instance) -> Plan:
    return no_op(instance, EventCode.BOOTING, f"Waiting for the SSM agent of {instance.name}.")


def _describe_start(instance: Instance, now: datetime) -> str:
    duration = f"It was started in {round((now - instance.phase_since).total_seconds())} s."
    if instance.setup.abandoned:
        return duration
    recipe = instance.setup.recipe or instance.spec.software.recipe
    return f"{duration} Recipe {recipe} was set up before."


def _describe_cost(instance: Instance) -> str:
    """Return the price of the instance. The former disk of a move is deleted at once, so it does not count."""
    rates = remove_former_disk(instance.move, instance.billing.rates)
    if rates.instance is None:
        return describe_price(instance.spec.hardware.instance_type, None)
    if rates.disk is None:
        price = format_usd(rates.instance + rates.address)
        return f"It costs {price} per hour and its disks. {describe_unknown_disks(instance.spec)}"
    return f"It costs {format_usd(rates.instance + rates.disk + rates.address)} per hour.{describe_spot_saving(rates)}"


def _describe_stop_terms(instance: Instance, mode: Mode, now: datetime) -> str:
    if mode is not Mode.ENFORCE:
        return describe_missing_stop(instance.name, mode)
    policy, ends_at = instance.spec.policy.idle, instance.lifetime_ends_at
    end = f" Its lifetime ends at {format_date_time(ends_at)}." if ends_at else ""
    idle, later = pluralize(policy.idle_minutes, "minute"), pluralize(policy.warning_minutes, "minute")
    kept_until = instance.lifetime.keep_until if instance.has_keep(now) else None
    when = f"It is kept until {format_date_time(kept_until)}. Later, when" if kept_until else "When"
    unknown = f" {gpus}" if (gpus := describe_unknown_gpus(instance.spec)) else ""
    return f"{when} it has been idle for {idle}, gpudesk sends a warning and stops it {later} later.{unknown}{end}"
