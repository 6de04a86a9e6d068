"""From an EC2 instance that was launched or started to an agent that answers."""

from dataclasses import replace
from datetime import datetime

from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
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
    "the SSM agent has not answered {minutes} minutes after the start. The likely causes: the subnet has no route to "
    "the internet or to SSM's endpoints (NAT gateway, public address, or VPC endpoints ssm, ssmmessages and "
    "ec2messages); an endpoint's security group refuses the instance; the instance profile's role lacks "
    "ssm:UpdateInstanceInformation, ssmmessages and ec2messages"
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
    over = lifetime(instance, "it is booting", now)
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
            return not_started(instance, f"AWS refused the start: {error.message} ({error.code})", now)
        case _:
            return _as_is(instance)


def not_started(instance: Instance, why: str, now: datetime) -> Plan:
    """The start is given up; the instance stays stopped until somebody asks again."""
    reason = because(EventCode.START_FAILED, f"it stays stopped: {why}")
    stopped = replace(moved(instance, Phase.STOPPED, reason, now), claim=None)
    if instance.spec.desired is not Desired.RUNNING:
        return replace(told(stopped, reason, now), again=True)
    return told(replace(stopped, spec=replace(instance.spec, desired=Desired.STOPPED)), reason, now)


def _as_is(instance: Instance) -> Plan:
    return nothing(instance, EventCode.RETRYING, "the start is tried again")


def _starting(instance: Instance, now: datetime) -> Plan:
    if now - instance.phase_since > START_DEADLINE:
        minutes = START_DEADLINE.seconds // 60
        return not_started(instance, f"EC2 has not started it for {minutes} minutes", now)
    asked = instance.claim or Claim(action=Action.START, at=now, reason=because(EventCode.STARTING, "it is to run"))
    if asked.called_at and now - asked.called_at < STOP_AGAIN:
        return nothing(instance, EventCode.STARTING, "EC2 was asked to start it")
    return call_again(instance, asked, Start(), now, "EC2 still says stopped: asking again")


def _is_of_this_boot(agent: AgentView, launched_at: datetime) -> bool:
    """PingStatus stays Online for minutes after a stop; only a ping after the start counts."""
    return agent.online and agent.last_ping_at > launched_at


def _booted(instance: Instance, now: datetime) -> Plan:
    if instance.warned and instance.warned.kind is WarningKind.NO_AGENT:
        return replace(withdraw(instance, "the agent answers", now), again=True)
    instance = replace(instance, was_reached=True)
    if instance.setup.is_done:
        return made_ready(instance, "the agent answers, everything is installed", now)
    reason = because(
        EventCode.SETTING_UP, f"the agent answers; setting up {instance.setup.recipe or instance.spec.recipe}"
    )
    return replace(told(moved(instance, Phase.SETTING_UP, reason, now), reason, now), again=True)


def made_ready(instance: Instance, why: str, now: datetime) -> Plan:
    """Ready to be used; the idle window begins here."""
    reason = because(EventCode.READY, f"ready: {why}")
    return told(replace(moved(instance, Phase.READY, reason, now), ready_since=now), reason, now)


def _without_agent(instance: Instance, launched_at: datetime, now: datetime) -> Plan:
    minutes = int((now - launched_at).total_seconds() // 60)
    explanation = NO_AGENT.format(minutes=minutes)
    action = Action.STOP if instance.was_reached else Action.TERMINATE
    if instance.warned and instance.warned.is_due(now):
        return claim(instance, action, _given_up(action, explanation), now, WarningKind.NO_AGENT)
    if instance.warned or now - launched_at < AGENT_WARNING:
        return nothing(instance, EventCode.BOOTING, "waiting for the agent")
    acts_at = max(launched_at + AGENT_DEADLINE, now + (AGENT_DEADLINE - AGENT_WARNING))
    loss = "its disk is kept" if action is Action.STOP else "nothing was set up on it yet, its disk goes too"
    sentence = (
        f"{explanation}. If it does not answer by {acts_at:%H:%M} UTC the desk will {action} it ({loss}); a keep "
        "leaves it running"
    )
    warned = Warned(kind=WarningKind.NO_AGENT, at=now, acts_at=acts_at, sentence=sentence)
    return warn(instance, warned, EventCode.NO_AGENT_WARNING, {})


def _given_up(action: Action, explanation: str) -> EventReason:
    done = "stopped" if action is Action.STOP else "terminated"
    return because(EventCode.NO_AGENT, f"{done}: {explanation}")
