"""From an EC2 instance that was launched or started to an agent that answers."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import format_usd, pluralize, to_sentence
from chalicelib.domain.errors import CloudError, GiveUp, NoCapacity, OverQuota
from chalicelib.domain.instance import Action, Claim, Desired, Ec2State, Instance, Phase
from chalicelib.domain.lifecycle.lifetime import lifetime
from chalicelib.domain.lifecycle.rules import (
    because,
    call_again,
    claim,
    moved,
    nothing,
    running,
    told,
    wanted_otherwise,
    warn,
    withdraw,
)
from chalicelib.domain.observation import AgentView, Observation, Unobserved
from chalicelib.domain.plan import Plan, Start
from chalicelib.domain.timings import AGENT_DEADLINE, AGENT_WARNING, START_DEADLINE, STOP_AGAIN
from chalicelib.domain.warned import Warned, WarningKind

NO_AGENT = (
    "The SSM agent of {name} has not responded for {minutes} minutes since the start. Likely causes: the subnet has no "
    "route to the internet or to the endpoints of SSM (NAT gateway, public address, or VPC endpoints ssm, ssmmessages "
    "and ec2messages); the security group of an endpoint rejects the instance; the role of the instance profile lacks "
    "ssm:UpdateInstanceInformation, ssmmessages and ec2messages."
)


def decide(instance: Instance, seen: Observation, now: datetime) -> Plan:
    """What follows while the agent has not been seen since the launch or start."""
    machine = running(instance)
    otherwise = wanted_otherwise(instance, now)
    if otherwise:
        return otherwise
    if machine.state in (Ec2State.STOPPED, Ec2State.STOPPING):
        return _starting(instance, now)
    instance = replace(instance, claim=None)
    over = lifetime(instance, "booting", now)
    if over:
        return over
    if isinstance(seen.agent, Unobserved):
        return nothing(
            instance, EventCode.AWS_UNAVAILABLE, f"SSM did not answer, so nothing is concluded: {seen.agent.why}"
        )
    if isinstance(seen.agent, AgentView) and _is_of_this_boot(seen.agent, machine.launched_at):
        return _booted(instance, now)
    if machine.state is Ec2State.RUNNING and not instance.is_kept(now):
        return _without_agent(instance, machine.launched_at, now)
    return nothing(instance, EventCode.BOOTING, "waiting for the agent")


def start_refused(instance: Instance, error: CloudError, now: datetime) -> Plan:
    """StartInstances did not start it."""
    match error:
        case NoCapacity():
            reason = because(
                EventCode.NO_CAPACITY_YET, f"EC2 has no capacity in its zone now ({error.code}); trying again"
            )
            return (
                told(replace(instance, reason=reason), reason, now) if instance.reason != reason else _as_is(instance)
            )
        case OverQuota() | GiveUp():
            return not_started(instance, f"AWS rejected the start: {error.description}", now)
        case _:
            return _as_is(instance)


def not_started(instance: Instance, why: str, now: datetime) -> Plan:
    """The start is given up; the instance stays stopped until somebody asks again."""
    sentence = (
        f"{instance.name} could not be started and stays stopped. {to_sentence(why)} Start it again later, or launch "
        "another instance."
    )
    reason = because(EventCode.START_FAILED, sentence)
    stopped = replace(moved(instance, Phase.STOPPED, reason, now), claim=None)
    if instance.spec.desired is not Desired.RUNNING:
        return replace(told(stopped, reason, now), again=True)
    return told(replace(stopped, spec=replace(instance.spec, desired=Desired.STOPPED)), reason, now)


def _as_is(instance: Instance) -> Plan:
    return nothing(instance, EventCode.RETRYING, "the start is tried again")


def _starting(instance: Instance, now: datetime) -> Plan:
    if now - instance.phase_since > START_DEADLINE:
        minutes = START_DEADLINE.seconds // 60
        return not_started(instance, f"EC2 has not started it within {minutes} minutes", now)
    asked = instance.claim or Claim(
        action=Action.START, at=now, reason=because(EventCode.STARTING, "A start was requested.")
    )
    if asked.called_at and now - asked.called_at < STOP_AGAIN:
        return nothing(instance, EventCode.STARTING, "EC2 was asked to start it")
    return call_again(instance, asked, Start(), now, "EC2 still says stopped: asking again")


def _is_of_this_boot(agent: AgentView, launched_at: datetime) -> bool:
    """PingStatus stays Online for minutes after a stop; only a ping after the start counts."""
    return agent.online and agent.last_ping_at > launched_at


def _booted(instance: Instance, now: datetime) -> Plan:
    if instance.warned and instance.warned.kind is WarningKind.NO_AGENT:
        return replace(withdraw(instance, "its SSM agent responds now", now), again=True)
    instance = replace(instance, was_reached=True)
    if instance.setup.is_done:
        return made_ready(instance, _started(instance, now), now)
    reason = because(EventCode.SETTING_UP, f"the agent answers; setting up {instance.setup.recipe}")
    return replace(told(moved(instance, Phase.SETTING_UP, reason, now), reason, now), again=True)


def made_ready(instance: Instance, why: str, now: datetime) -> Plan:
    """Ready to be used; the idle window begins here.

    :param why: what was started or set up, as a sentence
    """
    reason = because(EventCode.READY, f"{instance.name} is ready. {why} {_terms(instance)}")
    return told(replace(moved(instance, Phase.READY, reason, now), ready_since=now), reason, now)


def _started(instance: Instance, now: datetime) -> str:
    took = f"It was started in {round((now - instance.phase_since).total_seconds())} s."
    if instance.setup.given_up:
        return took
    recipe = instance.setup.recipe or instance.spec.recipe
    return f"{took} Recipe {recipe} was set up before."


def _terms(instance: Instance) -> str:
    """Return what it costs, when it is stopped, and how to connect, in sentences."""
    policy, rates = instance.spec.idle_policy, instance.rates
    price = rates.instance + rates.disk + rates.address
    cost = f"It costs {format_usd(price)} per hour. " if price else ""
    end = f" It is stopped at {instance.ends_at:%Y-%m-%d %H:%M} UTC at the latest." if instance.ends_at else ""
    idle, later = pluralize(policy.idle_minutes, "minute"), pluralize(policy.warning_minutes, "minute")
    return (
        f"{cost}When it has been idle for {idle}, gpudesk sends a warning and stops it {later} later.{end} To connect, "
        f"press Connect or run gpudesk-session {instance.name} on your computer."
    )


def _without_agent(instance: Instance, launched_at: datetime, now: datetime) -> Plan:
    minutes = int((now - launched_at).total_seconds() // 60)
    explanation = NO_AGENT.format(name=instance.name, minutes=minutes)
    action = Action.STOP if instance.was_reached else Action.TERMINATE
    if instance.warned and instance.warned.is_due(now):
        return claim(instance, action, because(EventCode.NO_AGENT, explanation), now, WarningKind.NO_AGENT)
    if instance.warned or now - launched_at < AGENT_WARNING:
        return nothing(instance, EventCode.BOOTING, "waiting for the agent")
    acts_at = max(launched_at + AGENT_DEADLINE, now + (AGENT_DEADLINE - AGENT_WARNING))
    loss = "Its disk stays." if action is Action.STOP else "Nothing was set up on it yet; its disk is deleted."
    sentence = (
        f"{explanation} gpudesk will {action} {instance.name} at {acts_at:%H:%M} UTC unless the agent responds before. "
        f"{loss} To leave it running, press Keep."
    )
    warned = Warned(kind=WarningKind.NO_AGENT, at=now, acts_at=acts_at, sentence=sentence)
    return warn(instance, warned, EventCode.NO_AGENT_WARNING, explanation, action=action)
