"""A simulated instance and simulated sweeps over a history, minute by minute.

The simulated probe turns samples into evidence and a heartbeat. A sweep passes the heartbeat to `lifecycle.decide`. No
notification is sent: each warning counts as delivered at once, so that no stop waits for its delivery.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from chalicelib.domain.common.errors import RequestError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.idle.heartbeat import DecodedHeartbeat
from chalicelib.domain.instances.commands import keep
from chalicelib.domain.instances.lifecycle import decide
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.lifecycle.stop_warnings import cancel_warning
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.spec import Policy
from chalicelib.domain.instances.warning import WarningDelivery, WarningType
from chalicelib.store.data_files import load_catalog
from tools.replay import events
from tools.replay.policy import WIDE_LIMITS
from tools.replay.probe import SimulatedProbe
from tools.replay.record import (
    LONG_AGO,
    NAME,
    OBSERVED_INSTANCE,
    REGION,
    USER,
    build_ready_instance,
    restart_window,
    start_setup,
)

MINUTE = timedelta(minutes=1)
MAX_PASSES = 4
"""Limit of passes per sweep, as in the reconciler: a decision may request another pass at once."""

CHANNEL = "a simulated channel"
"""The channel that has delivered each warning, as messages name it."""

NAME_START = re.compile(rf"(^|[.:] ){NAME[0]}(?={NAME[1:]})")
"""The name of the instance at the start of a sentence, where it needs a capital letter."""

UNLIMITED = replace(WIDE_LIMITS, keep_hours=5000 * 8766)
"""Limits that allow every policy to try, and every keep, because the keeps of a history have been granted."""

CONTEXT = DecisionContext(
    desk=DeskSettings(limits=UNLIMITED),
    heartbeat_table="-",
    heartbeat_region=REGION,
    instance_role_id="-",
    catalog=load_catalog(),
)


@dataclass(frozen=True)
class Action:
    """Action that gpudesk would have taken."""

    at: datetime
    action: str
    reason: str


class Simulator:
    """Simulation of one instance, its probe, and a sweep at every whole minute."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._instance: Instance | None = None
        self._kept_until: datetime | None = None
        self._setup_started_at: datetime | None = None
        self._probe = SimulatedProbe()
        self._heartbeat: DecodedHeartbeat = None
        self._next_sweep: datetime | None = None

    @property
    def setup_started_at(self) -> datetime | None:
        """Return the start of a setup that has not ended, since which gpudesk decides nothing; None without one."""
        return self._setup_started_at

    def play(self, history: Iterable[events.Event]) -> Iterator[Action]:
        """Replay a history and yield the actions.

        :param history: events in the order of `at`; the sweep of a minute comes after its events
        """
        at: datetime | None = None
        for event in history:
            at = event.at
            yield from self._run_sweeps(before=at)
            yield from self._apply(event)
        if at:
            yield from self._run_sweeps(before=_round_up(at) + MINUTE)

    def _apply(self, event: events.Event) -> Iterator[Action]:
        match event:
            case events.Ready(at):
                self._apply_ready(at)
            case events.Heartbeat():
                self._heartbeat = self._probe.send_heartbeat(event)
            case events.Keep(at, until):
                yield from self._apply_keep(until, at)
            case events.SetupStarted(at):
                yield from self._start_setup(at)
            case events.SetupEnded(at):
                self._end_setup(at)
            case events.StoppedOutside():
                self._forget_instance()
            case events.HistoryEnd():
                pass
            case _ as impossible:
                assert_never(impossible)

    def _apply_ready(self, at: datetime) -> None:
        """Start a lifetime, or end the setup if the lifetime has started: a restarted probe reports ready again."""
        if self._instance:
            self._end_setup(at)
            return
        ready = replace(
            build_ready_instance(self._policy, at),
            lifetime=replace(build_ready_instance(self._policy, at).lifetime, keep_until=self._kept_until),
        )
        self._instance = start_setup(ready, at) if self._setup_started_at else ready
        self._probe.start_window(at)

    def _end_setup(self, at: datetime) -> None:
        self._setup_started_at = None
        if self._instance:
            self._instance = restart_window(self._instance, at)
            self._probe.start_window(at)

    def _apply_keep(self, until: datetime, at: datetime) -> Iterator[Action]:
        """Apply a keep, which stays valid through stops and starts and may be granted before the instance is ready.

        A keep in the past, or a keep that ends before another one, changes nothing.
        """
        if until <= at:
            return
        self._kept_until = max(until, self._kept_until or until)
        if self._instance is None:
            return
        try:
            change = keep.request_keep(self._instance, until, USER, UNLIMITED, at)
        except RequestError:
            return
        self._instance = change.instance
        yield from _to_actions(change.entries)

    def _start_setup(self, at: datetime) -> Iterator[Action]:
        """Start a setup, before or after the instance is ready. Until it ends, gpudesk decides nothing."""
        self._setup_started_at = self._setup_started_at or at
        if self._instance is None:
            return
        if self._instance.warning and self._instance.warning.warning_type is WarningType.IDLE:
            plan = cancel_warning(self._instance, "It is being set up.", at)
            self._instance = plan.instance
            yield from _to_actions(plan.timeline)
        self._instance = start_setup(self._instance, at)

    def _forget_instance(self) -> None:
        """Reset the state for a stopped instance, whose next start is another boot."""
        self._instance = None
        self._setup_started_at = None
        self._probe.boot()
        self._heartbeat = None

    def _run_sweeps(self, *, before: datetime) -> Iterator[Action]:
        """Run the sweeps of the whole minutes before `before`."""
        sweep = self._next_sweep
        self._next_sweep = _round_up(before)
        while sweep and sweep < before:
            if self._instance is None:
                return
            yield from self._run_sweep(self._instance, sweep)
            sweep = max(sweep + MINUTE, self._skip_until())

    def _skip_until(self) -> datetime:
        """Return the time before which sweeps change nothing.

        After activity_unknown, nothing happens until the warning about the end of the lifetime. Without these sweeps, a
        history can have years without heartbeats.
        """
        instance = self._instance
        if instance is None or EventCode.ACTIVITY_UNKNOWN not in instance.notified or instance.lifetime_ends_at is None:
            return LONG_AGO
        return _round_up(instance.lifetime_ends_at - instance.spec.policy.idle.warning_period)

    def _run_sweep(self, instance: Instance, now: datetime) -> Iterator[Action]:
        observation = Observation(ec2=OBSERVED_INSTANCE, heartbeat=self._heartbeat)
        for _ in range(MAX_PASSES):
            plan = decide.decide(instance, observation, now, CONTEXT)
            self._instance = instance = _mark_warning_delivered(plan.instance, now)
            yield from _to_actions(plan.timeline)
            if isinstance(plan.step, Stop):
                self._forget_instance()
                return
            if not plan.requeue:
                return


def _mark_warning_delivered(instance: Instance, now: datetime) -> Instance:
    """Return the instance with its warning marked as delivered."""
    warned = instance.warning
    if warned is None or warned.deliveries:
        return instance
    return replace(instance, warning=replace(warned, deliveries=(WarningDelivery(channel=CHANNEL, delivered_at=now),)))


def _to_actions(entries: Iterable[TimelineEntry]) -> Iterator[Action]:
    for entry in entries:
        if entry.code.replay_action:
            yield Action(entry.at, str(entry.code.replay_action), NAME_START.sub(r"\1T", entry.message))


def _round_up(at: datetime) -> datetime:
    """Return the time rounded up to a whole minute."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + MINUTE
