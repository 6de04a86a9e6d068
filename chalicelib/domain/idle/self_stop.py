"""When the desk is away: the machine warns its own people and stops itself, by the desk's rule and its own evidence.

It does so a quarter of an hour later than the desk would, and never for lost contact: what counts is the evidence, that
no keep that it knows of stands, and that the mode it knows is `enforce`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.common.text import format_date_time
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.rule import ActivityState, judge_activity

EXTRA_DELAY = timedelta(minutes=15)
"""How much longer than the desk the machine waits: the desk's bounded wait for a delivery and a few lost sweeps fit."""


class SelfStopAction(StrEnum):
    """What the machine says to its people, or does."""

    WARN = "warn"
    CANCEL = "withdraw"
    STOP = "stop"


@dataclass(frozen=True)
class SelfStopState:
    """What the machine remembers from beat to beat.

    :param allowed_since: since when nothing forbids a stop: no keep, no setup, mode `enforce`
    :param stop_at: it has warned, and stops itself then
    """

    allowed_since: datetime | None = None
    stop_at: datetime | None = None


@dataclass(frozen=True)
class SelfStopDecision:
    """What one beat leads to.

    :param action: what is to be said or done now; None: nothing new
    :param message: why
    """

    state: SelfStopState
    action: SelfStopAction | None = None
    message: str = ""


def decide_self_stop(
    before: SelfStopState,
    own: Heartbeat,
    orders: HeartbeatResponse | None,
    *,
    is_setting_up: bool,
    has_gpu: bool,
    now: datetime,
) -> SelfStopDecision:
    """One beat of the machine's own judgement.

    :param own: the machine's own evidence, as it reports it
    :param orders: the last that the desk gave; None: none yet, and then nothing is ever stopped
    :param is_setting_up: a document of the desk's runs, or has since the last beat
    """
    obstacle = _obstacle(orders, is_setting_up, now)
    if obstacle or orders is None:
        return _quiet_down(before, SelfStopState(), obstacle)
    is_new = before.allowed_since is None or before.allowed_since > now
    clear_since = now if is_new or before.allowed_since is None else before.allowed_since
    policy = replace(orders.policy, idle_minutes=orders.policy.idle_minutes + int(EXTRA_DELAY.total_seconds() // 60))
    counted = policy.enabled_signals(has_gpu=has_gpu)
    judgement = judge_activity(
        own, instance_id=own.instance_id, counted=counted, policy=policy, not_before=clear_since, now=now
    )
    if judgement.state is not ActivityState.IDLE:
        return _quiet_down(before, SelfStopState(clear_since), judgement.reason.message)
    if before.stop_at is None or before.stop_at > now + orders.policy.warning_period:
        return SelfStopDecision(
            SelfStopState(clear_since, now + orders.policy.warning_period),
            SelfStopAction.WARN,
            judgement.reason.message,
        )
    if now >= before.stop_at:
        return SelfStopDecision(
            replace(before, allowed_since=clear_since), SelfStopAction.STOP, judgement.reason.message
        )
    return SelfStopDecision(replace(before, allowed_since=clear_since))


def _obstacle(orders: HeartbeatResponse | None, is_setting_up: bool, now: datetime) -> str:
    if orders is None:
        return "the desk has not said yet what it wants"
    if orders.mode != "enforce":
        return f"the desk's mode is {orders.mode}"
    if orders.keep_until and now < orders.keep_until:
        return f"it is kept until {format_date_time(orders.keep_until)}"
    return "it is being set up" if is_setting_up else ""


def _quiet_down(before: SelfStopState, after: SelfStopState, why: str) -> SelfStopDecision:
    return SelfStopDecision(after, SelfStopAction.CANCEL, why) if before.stop_at else SelfStopDecision(after)
