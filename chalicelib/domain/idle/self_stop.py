"""Decide on the instance whether it stops itself because gpudesk is unreachable.

The instance uses gpudesk's rule and its own evidence, and stops EXTRA_DELAY later than gpudesk would. The lost contact
alone is no reason to stop: the instance must be idle, no keep may be active, and gpudesk's last known mode must be
`enforce`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.idle.rule import ActivityCriteria, ActivityState, judge_activity

EXTRA_DELAY = timedelta(minutes=15)
"""Time for which the instance waits longer than gpudesk.

Long enough for the 10 minutes that gpudesk waits for the delivery of a warning, and for a few lost sweeps. It counts
from the time at which gpudesk could warn: the end of the idle window, or the arrival of the policy if that was later.
"""


class SelfStopAction(StrEnum):
    """An action of the instance: warn the people who are logged in, cancel the warning, or stop."""

    WARN = "warn"
    CANCEL = "cancel"
    STOP = "stop"


@dataclass(frozen=True)
class SelfStopState:
    """The memory of the self-stop rule from one heartbeat to the next.

    :param allowed_since: when the last obstacle to a stop ended (a keep, a setup, another mode); None: there is one
    :param stop_at: when the instance stops itself; None: it has not warned of a stop
    :param policy: the policy of the last evaluation; None: there was none yet
    :param policy_since: when it came into force; a shorter window can make an instance idle at once
    """

    allowed_since: datetime | None = None
    stop_at: datetime | None = None
    policy: IdlePolicy | None = None
    policy_since: datetime | None = None


@dataclass(frozen=True)
class LocalStatus:
    """Facts that the instance knows about itself at one heartbeat.

    :param heartbeat: the instance's own evidence, as it sends it
    :param is_setting_up: a document of gpudesk is running, or was since the last heartbeat
    """

    heartbeat: Heartbeat
    is_setting_up: bool


@dataclass(frozen=True)
class SelfStopDecision:
    """Result of one evaluation of the self-stop rule.

    :param state: what to remember
    :param action: what to do now; None: nothing new
    :param message: the reason for the action, in sentences
    """

    state: SelfStopState
    action: SelfStopAction | None = None
    message: str = ""


def decide_self_stop(
    state: SelfStopState, status: LocalStatus, response: HeartbeatResponse | None, now: datetime
) -> SelfStopDecision:
    """Evaluate the self-stop rule once, at one heartbeat.

    :param state: what the last evaluation returned
    :param response: gpudesk's last response; None: there was none yet, and the instance never stops itself
    """
    obstacle = _find_obstacle(response, status.is_setting_up, now)
    if obstacle or response is None:
        return _cancel(state, SelfStopState(), obstacle)
    # A time in the future is from before the clock was set back, and proves nothing.
    allowed_since = state.allowed_since if state.allowed_since and state.allowed_since <= now else now
    is_same_policy = state.policy == response.policy
    policy_since = state.policy_since if is_same_policy and state.policy_since and state.policy_since <= now else now
    base = SelfStopState(allowed_since, policy=response.policy, policy_since=policy_since)
    judgment = judge_activity(status.heartbeat, _build_criteria(status, response, allowed_since), now)
    if judgment.state is not ActivityState.IDLE:
        return _cancel(state, base, judgment.reason.message)
    if now - policy_since < EXTRA_DELAY:
        return _cancel(state, base, "Its idle policy has changed, so gpudesk has time to stop it first.")
    latest_stop = now + response.policy.warning_period
    if state.stop_at is None or state.stop_at > latest_stop:
        return SelfStopDecision(replace(base, stop_at=latest_stop), SelfStopAction.WARN, judgment.reason.message)
    next_state = replace(base, stop_at=state.stop_at)
    if now < state.stop_at:
        return SelfStopDecision(next_state)
    return SelfStopDecision(next_state, SelfStopAction.STOP, judgment.reason.message)


def _build_criteria(status: LocalStatus, response: HeartbeatResponse, allowed_since: datetime) -> ActivityCriteria:
    extra_minutes = int(EXTRA_DELAY.total_seconds() // 60)
    return ActivityCriteria(
        instance_id=status.heartbeat.instance_id,
        enabled_signals=frozenset(response.policy.signals),
        policy=replace(response.policy, idle_minutes=response.policy.idle_minutes + extra_minutes),
        not_before=allowed_since,
    )


def _find_obstacle(response: HeartbeatResponse | None, is_setting_up: bool, now: datetime) -> str:
    """Return why the instance must not stop itself, as a sentence; an empty text if it may."""
    if response is None:
        return "gpudesk has not responded yet."
    if response.mode != "enforce":
        return f"The mode of gpudesk is {response.mode}."
    if response.keep_until and now < response.keep_until:
        return f"It is kept until {format_date_time(response.keep_until)}."
    return "It is being set up." if is_setting_up else ""


def _cancel(before: SelfStopState, after: SelfStopState, reason: str) -> SelfStopDecision:
    """Forget the stop that the instance has warned of, and say so if there was one."""
    return SelfStopDecision(after, SelfStopAction.CANCEL, reason) if before.stop_at else SelfStopDecision(after)
