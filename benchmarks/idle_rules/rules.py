"""The compared rules. Each rule sees the minutes of a running instance and decides when to stop the instance."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta

from benchmarks.idle_rules.use import MinuteOfUse, build_readings
from chalicelib.domain.idle.policy import IdlePolicy
from chalicelib.domain.instances.spec import Policy
from tools.replay.events import Event, Heartbeat, HistoryEnd, Keep, Ready
from tools.replay.player import Simulator
from tools.replay.policy import MAX_HOURS

WINDOW = IdlePolicy().idle_minutes
EVENING = 20
"""Hour at which `FixedHours` stops instances."""

KEEP_DURATION = timedelta(hours=1)
"""Duration of the keep that somebody requests after a stop warning."""


class Rule(ABC):
    """Rule for one instance, with the state of the rule."""

    warnings = 0

    def start(self, at: datetime) -> None:  # noqa: B027 - not every rule has a state
        """Reset the state, because the instance was started."""

    @abstractmethod
    def is_stopped_at_end_of(self, at: datetime, use: MinuteOfUse) -> bool:
        """Return whether the rule stops the instance at the end of this minute."""


class NeverStop(Rule):
    """Rule that never stops an instance."""

    def is_stopped_at_end_of(self, at: datetime, use: MinuteOfUse) -> bool:  # noqa: ARG002
        """Return whether the rule stops the instance at the end of this minute."""
        return False


class FixedHours(Rule):
    """Rule that stops an instance every evening, even during use."""

    def is_stopped_at_end_of(self, at: datetime, use: MinuteOfUse) -> bool:  # noqa: ARG002
        """Return whether the rule stops the instance at the end of this minute."""
        return (at.hour, at.minute) == (EVENING, 0)


class IdleWindowRule(Rule):
    """Rule that stops after an idle window of one criterion. A minute without a heartbeat restarts the window."""

    def __init__(self, is_quiet: Callable[[MinuteOfUse], bool]) -> None:
        self._is_quiet = is_quiet
        self._quiet_minutes = 0

    def start(self, at: datetime) -> None:  # noqa: ARG002
        """Reset the state, because the instance was started."""
        self._quiet_minutes = 0

    def is_stopped_at_end_of(self, at: datetime, use: MinuteOfUse) -> bool:  # noqa: ARG002
        """Return whether the rule stops the instance at the end of this minute."""
        self._quiet_minutes = self._quiet_minutes + 1 if use.has_heartbeat and self._is_quiet(use) else 0
        return self._quiet_minutes >= WINDOW


class GpudeskRule(Rule):
    """gpudesk's rule, run by the replay tool. After a stop warning, somebody who uses the instance requests a keep."""

    def __init__(self, policy: Policy) -> None:
        self._simulator = Simulator(policy)
        self._is_starting = False
        self._has_warned = False

    def start(self, at: datetime) -> None:  # noqa: ARG002
        """Reset the state, because the instance was started."""
        self._is_starting, self._has_warned = True, False

    def is_stopped_at_end_of(self, at: datetime, use: MinuteOfUse) -> bool:
        """Return whether the rule stops the instance at the end of this minute."""
        has_keep = self._has_warned and use.is_attended
        events: list[Event] = [Ready(at)] if self._is_starting else []
        events += [Keep(at, at + KEEP_DURATION)] if has_keep else []
        events += [Heartbeat(at, build_readings(use))] if use.has_heartbeat else [HistoryEnd(at)]
        actions = [action.action for action in self._simulator.play(events)]
        self.warnings += actions.count("warn")
        self._is_starting = False
        self._has_warned = "warn" in actions or (self._has_warned and not has_keep and "withdraw" not in actions)
        return "stop" in actions


def build_gpudesk_rule(max_hours: int = MAX_HOURS) -> GpudeskRule:
    """Return gpudesk's rule with the default policy, except for `max_hours`.

    :param max_hours: maximum lifetime; by default so long that only idleness stops an instance
    """
    return GpudeskRule(Policy(max_hours=max_hours))


RULES: dict[str, Callable[[int], Rule]] = {
    "never stop": lambda _: NeverStop(),
    "**gpudesk's idle rule**": lambda _: build_gpudesk_rule(),
    f"the same, with max_hours {Policy().max_hours}": lambda _: build_gpudesk_rule(Policy().max_hours),
    "GPU under 5 %": lambda _: IdleWindowRule(lambda use: use.gpu_mean < 5),
    "CPU under 5 %": lambda vcpus: IdleWindowRule(lambda use: 100 * use.cores / vcpus < 5),
    "kernels only": lambda _: IdleWindowRule(lambda use: not use.has_kernel_activity),
    "sessions only": lambda _: IdleWindowRule(lambda use: not use.is_connected),
    f"fixed hours, until {EVENING}:00": lambda _: FixedHours(),
}
"""Functions that create a rule for a number of vCPUs, by the name of the rule in the table."""
