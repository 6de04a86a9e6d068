"""The rules that are compared: each sees the minutes of an instance while it runs, and says when to stop it."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta

from benchmarks.idle_rules.use import MinuteOfUse, readings
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.instances.spec import Policy
from tools.replay.history import Event, Heartbeat, HistoryEnd, Keep, Ready
from tools.replay.player import Simulator
from tools.replay.policy import MAX_HOURS

WINDOW = IdlePolicy().idle_minutes
EVENING = 20
"""The hour at which fixed hours end."""

KEPT = timedelta(hours=1)
"""What somebody who is at it answers to a warning."""


class Rule(ABC):
    """One rule, and one instance."""

    warnings = 0

    def begin(self, at: datetime) -> None:  # noqa: B027 - a rule need not care
        """It was started: what was known of it before is void."""

    @abstractmethod
    def stops(self, at: datetime, use: MinuteOfUse) -> bool:
        """Whether it is stopped at the end of this minute."""


class NeverStop(Rule):
    """What it costs to do nothing."""

    def stops(self, at: datetime, use: MinuteOfUse) -> bool:  # noqa: ARG002
        return False


class FixedHours(Rule):
    """Stopped every evening, whatever it does."""

    def stops(self, at: datetime, use: MinuteOfUse) -> bool:  # noqa: ARG002
        return (at.hour, at.minute) == (EVENING, 0)


class IdleWindowRule(Rule):
    """Stopped when it looked idle for the whole window. A minute that nothing is known of begins the window anew."""

    def __init__(self, is_quiet: Callable[[MinuteOfUse], bool]) -> None:
        self._is_quiet = is_quiet
        self._quiet_minutes = 0

    def begin(self, at: datetime) -> None:  # noqa: ARG002
        self._quiet_minutes = 0

    def stops(self, at: datetime, use: MinuteOfUse) -> bool:  # noqa: ARG002
        self._quiet_minutes = self._quiet_minutes + 1 if use.heard and self._is_quiet(use) else 0
        return self._quiet_minutes >= WINDOW


class DeskRule(Rule):
    """Ours: the very functions of probe and desk, through the replay. Somebody who is at it answers its warning."""

    def __init__(self, policy: Policy) -> None:
        self._player = Simulator(policy)
        self._begins = False
        self._is_asked = False

    def begin(self, at: datetime) -> None:  # noqa: ARG002
        self._begins, self._is_asked = True, False

    def stops(self, at: datetime, use: MinuteOfUse) -> bool:
        answers = self._is_asked and use.attended
        events: list[Event] = [Ready(at)] if self._begins else []
        events += [Keep(at, at + KEPT)] if answers else []
        events += [Heartbeat(at, readings(use))] if use.heard else [HistoryEnd(at)]
        actions = [each.action for each in self._player.play(events)]
        self.warnings += actions.count("warn")
        self._begins = False
        self._is_asked = "warn" in actions or (self._is_asked and not answers and "withdraw" not in actions)
        return "stop" in actions


def desk(max_hours: int = MAX_HOURS) -> DeskRule:
    """The default policy but for `max_hours`.

    :param max_hours: of a life; without it lives are so long that only idleness ends one
    """
    return DeskRule(Policy(max_hours=max_hours))


RULES: dict[str, Callable[[int], Rule]] = {
    "never stop": lambda _: NeverStop(),
    "**gpudesk's idle rule**": lambda _: desk(),
    f"the same, and no life over {Policy().max_hours} h": lambda _: desk(Policy().max_hours),
    "GPU under 5 %": lambda _: IdleWindowRule(lambda use: use.gpu_mean < 5),
    "CPU under 5 %": lambda vcpus: IdleWindowRule(lambda use: 100 * use.cores / vcpus < 5),
    "kernels only": lambda _: IdleWindowRule(lambda use: not use.kernel),
    "sessions only": lambda _: IdleWindowRule(lambda use: not use.connected),
    f"fixed hours, until {EVENING}:00": lambda _: FixedHours(),
}
"""By the name that the table has; made of an instance's number of vCPUs."""
