"""From an EC2 instance that was launched or started to an agent that answers."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.deadlines import AGENT_DEADLINE, AGENT_WARNING_AFTER, START_DEADLINE, STOP_RETRY_AFTER
from chalicelib.domain.common.errors import AwsError, InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.money import format_usd
from chalicelib.domain.common.text import format_date_time, format_duration, format_time, pluralize, to_sentence
from chalicelib.domain.instances.lifecycle.lifetime import decide_lifetime
from chalicelib.domain.instances.lifecycle.plans import (
    cancel_warning,
    no_op,
    plan_desired_state,
    record_event,
    require_machine,
    retry_action,
    start_action,
    start_warning,
    with_phase,
)
from chalicelib.domain.instances.observation import Observation, ObservedAgent, Unavailable
from chalicelib.domain.instances.plan import Plan, Start
from chalicelib.domain.instances.record import Claim, ClaimAction, Ec2State, Instance, Phase
from chalicelib.domain.instances.spec import DesiredState
from chalicelib.domain.instances.warning import StopWarning, WarningType

NO_AGENT_MESSAGE = (
    "The SSM agent of {name} has not responded for {duration} since the start. Likely causes: the subnet has no "
    "route to the internet or to the endpoints of SSM (NAT gateway, public address, or VPC endpoints ssm, ssmmessages "
    "and ec2messages); the security group of an endpoint rejects the instance; the role of the instance profile lacks "
    "ssm:UpdateInstanceInformation, ssmmessages and ec2messages."
)


def decide(instance: Instance, observation: Observation, now: datetime) -> Plan:
    """What follows while the agent has not been seen since the launch or start."""
    machine = require_machine(instance)
    otherwise = plan_desired_state(instance, now)
    if otherwise:
        return otherwise
    if machine.state in (Ec2State.STOPPED, Ec2State.STOPPING):
        return _starting(instance, now)
    instance = replace(instance, claim=None)
    over = decide_lifetime(instance, "booting", now)
    if over:
        return over
    if isinstance(observation.agent, Unavailable):
        return no_op(
            instance,
            EventCode.AWS_UNAVAILABLE,
            f"SSM did not answer, so nothing is concluded: {observation.agent.error}",
        )
    if isinstance(observation.agent, ObservedAgent) and _is_of_this_boot(observation.agent, machine.launched_at):
        return _booted(instance, now)
    if machine.state is Ec2State.RUNNING and not instance.has_keep(now):
        return _without_agent(instance, machine.launched_at, now)
    return no_op(instance, EventCode.BOOTING, "waiting for the agent")


def record_start_error(instance: Instance, error: AwsError, now: datetime) -> Plan:
    """StartInstances did not start it."""
    match error:
        case InsufficientCapacity():
            reason = EventReason(
                code=EventCode.NO_CAPACITY_YET,
                message=f"EC2 has no capacity in its zone now ({error.code}); trying again",
            )
            return (
                record_event(replace(instance, reason=reason), reason, now)
                if instance.reason != reason
                else _as_is(instance)
            )
        case QuotaExceeded() | PermanentAwsError():
            return abandon_start(instance, f"AWS rejected the start: {error.description}", now)
        case _:
            return _as_is(instance)


def abandon_start(instance: Instance, cause: str, now: datetime) -> Plan:
    """The start is given up; the instance stays stopped until somebody asks again."""
    message = (
        f"{instance.name} could not be started and stays stopped. {to_sentence(cause)} Start it again later, or launch "
        "another instance."
    )
    reason = EventReason(code=EventCode.START_FAILED, message=message)
    stopped = replace(with_phase(instance, Phase.STOPPED, reason, now), claim=None)
    if instance.spec.desired is not DesiredState.RUNNING:
        return replace(record_event(stopped, reason, now), requeue=True)
    return record_event(replace(stopped, spec=replace(instance.spec, desired=DesiredState.STOPPED)), reason, now)


def _as_is(instance: Instance) -> Plan:
    return no_op(instance, EventCode.RETRYING, "the start is tried again")


def _starting(instance: Instance, now: datetime) -> Plan:
    if now - instance.phase_since > START_DEADLINE:
        return abandon_start(instance, f"EC2 has not started it within {format_duration(START_DEADLINE)}", now)
    asked = instance.claim or Claim(
        action=ClaimAction.START,
        claimed_at=now,
        reason=EventReason(code=EventCode.STARTING, message="A start was requested."),
    )
    if asked.last_called_at and now - asked.last_called_at < STOP_RETRY_AFTER:
        return no_op(instance, EventCode.STARTING, "EC2 was asked to start it")
    return retry_action(instance, asked, Start(), now, "EC2 still says stopped: asking again")


def _is_of_this_boot(agent: ObservedAgent, launched_at: datetime) -> bool:
    """PingStatus stays Online for minutes after a stop; only a ping after the start counts."""
    return agent.online and agent.last_ping_at > launched_at


def _booted(instance: Instance, now: datetime) -> Plan:
    if instance.warning and instance.warning.warning_type is WarningType.NO_AGENT:
        return replace(cancel_warning(instance, "its SSM agent responds now", now), requeue=True)
    instance = replace(instance, observed=replace(instance.observed, agent_seen=True))
    if instance.setup.is_done:
        return to_ready(instance, _started(instance, now), now)
    reason = EventReason(code=EventCode.SETTING_UP, message=f"the agent answers; setting up {instance.setup.recipe}")
    return replace(record_event(with_phase(instance, Phase.SETTING_UP, reason, now), reason, now), requeue=True)


def to_ready(instance: Instance, why: str, now: datetime) -> Plan:
    """Ready to be used; the idle window begins here.

    :param why: what was started or set up, as a sentence
    """
    reason = EventReason(code=EventCode.READY, message=f"{instance.name} is ready. {why} {_terms(instance)}")
    return record_event(replace(with_phase(instance, Phase.READY, reason, now), ready_since=now), reason, now)


def _started(instance: Instance, now: datetime) -> str:
    took = f"It was started in {round((now - instance.phase_since).total_seconds())} s."
    if instance.setup.abandoned:
        return took
    recipe = instance.setup.recipe or instance.spec.software.recipe
    return f"{took} Recipe {recipe} was set up before."


def _terms(instance: Instance) -> str:
    """Return what it costs, when it is stopped, and how to connect, in sentences."""
    policy, rates = instance.spec.policy.idle, instance.billing.rates
    price = rates.instance + rates.disk + rates.address
    cost = f"It costs {format_usd(price)} per hour. " if price else ""
    end = (
        f" It is stopped at {format_date_time(instance.lifetime_ends_at)} at the latest."
        if instance.lifetime_ends_at
        else ""
    )
    idle, later = pluralize(policy.idle_minutes, "minute"), pluralize(policy.warning_minutes, "minute")
    return (
        f"{cost}When it has been idle for {idle}, gpudesk sends a warning and stops it {later} later.{end} To connect, "
        f"press Connect or run gpudesk-session {instance.name} on your computer."
    )


def _without_agent(instance: Instance, launched_at: datetime, now: datetime) -> Plan:
    explanation = NO_AGENT_MESSAGE.format(name=instance.name, duration=format_duration(now - launched_at))
    action = ClaimAction.STOP if instance.observed.agent_seen else ClaimAction.TERMINATE
    if instance.warning and instance.warning.can_act(now):
        return start_action(
            instance, action, EventReason(code=EventCode.NO_AGENT, message=explanation), now, WarningType.NO_AGENT
        )
    if instance.warning or now - launched_at < AGENT_WARNING_AFTER:
        return no_op(instance, EventCode.BOOTING, "waiting for the agent")
    stop_at = max(launched_at + AGENT_DEADLINE, now + (AGENT_DEADLINE - AGENT_WARNING_AFTER))
    loss = "Its disk stays." if action is ClaimAction.STOP else "Nothing was set up on it yet; its disk is deleted."
    message = (
        f"{explanation} gpudesk will {action} {instance.name} at {format_time(stop_at)} unless the agent responds "
        f"before. {loss} To leave it running, press Keep."
    )
    warned = StopWarning(warning_type=WarningType.NO_AGENT, created_at=now, stop_at=stop_at, message=message)
    return start_warning(instance, warned, EventCode.NO_AGENT_WARNING, explanation, action=action)
