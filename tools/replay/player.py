"""A pretend machine and a pretend desk that live through a history, minute by minute.

The machine does what a probe does (samples -> evidence -> heartbeat on the wire), the desk what a sweep does (heartbeat
from chalicelib.domain.common.event_codes import EventCode
from the wire -> `lifecycle.decide`). There is nobody to tell, and no stop waits for a delivery: warnings count as
delivered at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from chalicelib.domain.common.errors import RequestError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.settings import DeskSettings, Limits
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
from tools.replay import history
from tools.replay.probe import Probe
from tools.replay.record import LONG_AGO, REGION, RUNNING, SOMEBODY, ready_again, setting_up, started_instance

MINUTE = timedelta(minutes=1)
PASSES = 4
"""As in the desk's loop: a look may lead straight to the next."""

RULES = DecisionContext(desk=DeskSettings(), heartbeat_table="-", heartbeat_region=REGION, instance_role_id="-")
UNLIMITED = Limits(keep_hours=5000 * 8766)
"""What was kept was granted: of the desk's own bounds on keeps nothing is asked again."""


@dataclass(frozen=True)
class Action:
    """Something that the desk would have done."""

    at: datetime
    action: str
    reason: str


class Simulator:
    """One instance, its probe and its desk. What happens between two events, a sweep finds at its whole minute."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._instance: Instance | None = None
        self._kept_until: datetime | None = None
        self._setup_began_at: datetime | None = None
        self._probe = Probe()
        self._report: DecodedHeartbeat = None
        self._next_sweep: datetime | None = None

    @property
    def setup_began_at(self) -> datetime | None:
        """Of a setup that has not ended as far as was played: nothing is judged since."""
        return self._setup_began_at

    def play(self, events: Iterable[history.Event]) -> Iterator[Action]:
        """Live through a history.

        :param events: in the order of `at`; the sweep of a minute comes after its events
        """
        at: datetime | None = None
        for event in events:
            at = event.at
            yield from self._sweeps(before=at)
            yield from self._take(event)
        if at:
            yield from self._sweeps(before=_whole_minute(at) + MINUTE)

    def _take(self, event: history.Event) -> Iterator[Action]:
        match event:
            case history.Ready(at):
                self._ready(at)
            case history.Heartbeat():
                self._report = self._probe.beat(event)
            case history.Keep(at, until):
                yield from self._keep(until, at)
            case history.SetupStarted(at):
                yield from self._setup_started(at)
            case history.SetupEnded(at):
                self._setup_ended(at)
            case history.StoppedOutside():
                self._stopped()
            case history.HistoryEnd():
                pass
            case _ as impossible:
                assert_never(impossible)

    def _ready(self, at: datetime) -> None:
        """A life begins. Once more in one, it ends a setup too: a probe that starts says anew what still goes on."""
        if self._instance:
            self._setup_ended(at)
            return
        ready = replace(
            started_instance(self._policy, at),
            lifetime=replace(started_instance(self._policy, at).lifetime, keep_until=self._kept_until),
        )
        self._instance = setting_up(ready, at) if self._setup_began_at else ready
        self._probe.begin_window(at)

    def _setup_ended(self, at: datetime) -> None:
        self._setup_began_at = None
        if self._instance:
            self._instance = ready_again(self._instance, at)
            self._probe.begin_window(at)

    def _keep(self, until: datetime, at: datetime) -> Iterator[Action]:
        """It lasts until its time, whatever stops and starts lie between, and can be asked for before it is ready.

        One that has passed already, or ends before another, changes nothing.
        """
        if until <= at:
            return
        self._kept_until = max(until, self._kept_until or until)
        if self._instance is None:
            return
        try:
            wanted = keep.request_keep(self._instance, until, SOMEBODY, UNLIMITED, at)
        except RequestError:
            return
        self._instance = wanted.instance
        yield from _actions(wanted.entries)

    def _setup_started(self, at: datetime) -> Iterator[Action]:
        """Before it is ready, after it, or twice: until the setup has ended it is not judged."""
        self._setup_began_at = self._setup_began_at or at
        if self._instance is None:
            return
        if self._instance.warning and self._instance.warning.warning_type is WarningType.IDLE:
            plan = cancel_warning(self._instance, "it is being set up", at)
            self._instance = plan.instance
            yield from _actions(plan.timeline)
        self._instance = setting_up(self._instance, at)

    def _stopped(self) -> None:
        """The next start is another boot, of which nothing is known yet."""
        self._instance = None
        self._setup_began_at = None
        self._probe.boot()
        self._report = None

    def _sweeps(self, *, before: datetime) -> Iterator[Action]:
        """Those of the whole minutes up to `before`, which is not one of them."""
        sweep = self._next_sweep
        self._next_sweep = _whole_minute(before)
        while sweep and sweep < before:
            if self._instance is None:
                return
            yield from self._sweep(self._instance, sweep)
            sweep = max(sweep + MINUTE, self._nothing_before())

    def _nothing_before(self) -> datetime:
        """While a silence that was told of lasts, nothing follows but the end of the life: years pass in no time."""
        instance = self._instance
        if instance is None or EventCode.ACTIVITY_UNKNOWN not in instance.notified or instance.lifetime_ends_at is None:
            return LONG_AGO
        return _whole_minute(instance.lifetime_ends_at - instance.spec.policy.idle.warning_period)

    def _sweep(self, instance: Instance, now: datetime) -> Iterator[Action]:
        observation = Observation(ec2=RUNNING, heartbeat=self._report)
        for _ in range(PASSES):
            plan = decide.decide(instance, observation, now, RULES)
            self._instance = instance = _delivered(plan.instance, now)
            yield from _actions(plan.timeline)
            if isinstance(plan.step, Stop):
                self._stopped()
                return
            if not plan.requeue:
                return


def _delivered(instance: Instance, now: datetime) -> Instance:
    """A warning that stands has reached somebody, as it was given."""
    warned = instance.warning
    if warned is None or warned.deliveries:
        return instance
    return replace(instance, warning=replace(warned, deliveries=(WarningDelivery(channel="replay", delivered_at=now),)))


def _actions(entries: Iterable[TimelineEntry]) -> Iterator[Action]:
    for line in entries:
        if line.code.replay_action:
            yield Action(line.at, str(line.code.replay_action), line.message)


def _whole_minute(moment: datetime) -> datetime:
    """The next one, or itself where it is one."""
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + MINUTE
