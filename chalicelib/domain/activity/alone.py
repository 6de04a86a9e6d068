"""When the desk is away: the machine warns its own people and stops itself, by the desk's rule and its own evidence.

It does so a quarter of an hour later than the desk would, and never for lost contact: what counts is the evidence, that
no keep that it knows of stands, and that the mode it knows is `enforce`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.domain.activity.heartbeat import Heartbeat
from chalicelib.domain.activity.idle import Verdict, judge
from chalicelib.domain.activity.orders import Orders

PATIENCE = timedelta(minutes=15)
"""How much longer than the desk the machine waits: the desk's bounded wait for a delivery and a few lost sweeps fit."""


class Word(StrEnum):
    """What the machine says to its people, or does."""

    WARN = "warn"
    WITHDRAW = "withdraw"
    STOP = "stop"


@dataclass(frozen=True)
class Alone:
    """What the machine remembers from beat to beat.

    :param clear_since: since when nothing forbids a stop: no keep, no setup, mode `enforce`
    :param acts_at: it has warned, and stops itself then
    """

    clear_since: datetime | None = None
    acts_at: datetime | None = None


@dataclass(frozen=True)
class Turn:
    """What one beat leads to.

    :param word: what is to be said or done now; None: nothing new
    :param sentence: why
    """

    alone: Alone
    word: Word | None = None
    sentence: str = ""


def decide_alone(
    before: Alone, own: Heartbeat, orders: Orders | None, *, is_setting_up: bool, has_gpu: bool, now: datetime
) -> Turn:
    """One beat of the machine's own judgement.

    :param own: the machine's own evidence, as it reports it
    :param orders: the last that the desk gave; None: none yet, and then nothing is ever stopped
    :param is_setting_up: a document of the desk's runs, or has since the last beat
    """
    obstacle = _obstacle(orders, is_setting_up, now)
    if obstacle or orders is None:
        return _quiet_down(before, Alone(), obstacle)
    is_new = before.clear_since is None or before.clear_since > now
    clear_since = now if is_new or before.clear_since is None else before.clear_since
    policy = replace(orders.policy, idle_minutes=orders.policy.idle_minutes + int(PATIENCE.total_seconds() // 60))
    counted = policy.counted(has_gpu=has_gpu)
    judgement = judge(own, instance_id=own.instance_id, counted=counted, policy=policy, not_before=clear_since, now=now)
    if judgement.verdict is not Verdict.IDLE:
        return _quiet_down(before, Alone(clear_since), judgement.reason.sentence)
    if before.acts_at is None or before.acts_at > now + orders.policy.notice:
        return Turn(Alone(clear_since, now + orders.policy.notice), Word.WARN, judgement.reason.sentence)
    if now >= before.acts_at:
        return Turn(replace(before, clear_since=clear_since), Word.STOP, judgement.reason.sentence)
    return Turn(replace(before, clear_since=clear_since))


def _obstacle(orders: Orders | None, is_setting_up: bool, now: datetime) -> str:
    if orders is None:
        return "the desk has not said yet what it wants"
    if orders.mode != "enforce":
        return f"the desk's mode is {orders.mode}"
    if orders.keep_until and now < orders.keep_until:
        return f"it is kept until {orders.keep_until:%Y-%m-%d %H:%M} UTC"
    return "it is being set up" if is_setting_up else ""


def _quiet_down(before: Alone, after: Alone, why: str) -> Turn:
    return Turn(after, Word.WITHDRAW, why) if before.acts_at else Turn(after)
