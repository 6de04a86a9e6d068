"""A pretend machine and a pretend desk that live through a history, minute by minute.

The machine does what a probe does (samples -> evidence -> heartbeat on the wire), the desk what a sweep does (heartbeat
from the wire -> `lifecycle.decide`). There is nobody to tell, so no stop waits for a delivery: warnings count as
delivered at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import assert_never

from chalicelib.domain import lifecycle, wishes
from chalicelib.domain.activity.evidence import Evidence, Sample, fold
from chalicelib.domain.activity.heartbeat import Heartbeat, Report, heartbeat_from, plain_heartbeat
from chalicelib.domain.actors import Actor, Role
from chalicelib.domain.desk import Ceilings, DeskSettings
from chalicelib.domain.errors import Refused
from chalicelib.domain.instance import (
    Desired,
    DocumentRun,
    Ec2State,
    Instance,
    Machine,
    Phase,
    Setup,
    Spec,
)
from chalicelib.domain.lifecycle.booting import made_ready
from chalicelib.domain.lifecycle.rules import Rules, because, moved, withdraw
from chalicelib.domain.observation import Ec2View, Observation
from chalicelib.domain.plan import Entry, Stop
from chalicelib.domain.reason import Reason
from chalicelib.domain.recipes import DocumentUse
from chalicelib.domain.warned import WarningKind
from tools.replay import history
from tools.replay.policy import Policy

MINUTE = timedelta(minutes=1)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
PASSES = 4
"""As in the desk's loop: a look may lead straight to the next."""

MACHINE_ID = "i-0123456789abcdef0"
KEY = f"AROAEXAMPLEEXAMPLEEXA:{MACHINE_ID}"
REGION, ZONE, TYPE = "us-east-1", "us-east-1a", "g4dn.xlarge"
SOMEBODY = Actor(owner="somebody", role=Role.USER)
RULES = Rules(desk=DeskSettings(), heartbeat_table="-", heartbeat_region=REGION, instance_role_id="-")
ANY_KEEP = Ceilings(keep_hours=5000 * 8766)
"""What was kept was granted: of the desk's own bounds on keeps nothing is asked again."""

THE_SETUP = DocumentUse(name="a document", parameters={}, timeout=timedelta(days=10**6))
"""It takes as long as the history says."""

ACTIONS = {
    "idle_warning": "warn",
    "lifetime_warning": "warn",
    "warning_withdrawn": "withdraw",
    "stop_claimed": "stop",
    "activity_unknown": "report_silence",
}
"""Of the timeline's codes, those that are something the desk does."""


@dataclass(frozen=True)
class Action:
    """Something that the desk would have done."""

    at: datetime
    action: str
    reason: str


class Player:
    """One instance, its probe and its desk. What happens between two events, a sweep finds at its whole minute."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._instance: Instance | None = None
        self._is_setting_up = False
        self._boots = 0
        self._evidence: dict[str, Evidence] = {}
        self._report: Report = None
        self._next_sweep: datetime | None = None

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
                self._report = self._beat(event)
            case history.Keep(at, until):
                yield from self._keep(until, at)
            case history.SetupStarted(at):
                yield from self._setup_started(at)
            case history.SetupEnded(at):
                self._is_setting_up = False
                if self._instance:
                    self._instance = _begun_anew(self._instance, at)
            case history.StoppedOutside():
                self._stopped()
            case history.End():
                pass
            case _ as impossible:
                assert_never(impossible)

    def _ready(self, at: datetime) -> None:
        begun = _begun_anew(self._instance, at) if self._instance else _started(self._policy, at)
        self._instance = _setting_up(begun, at) if self._is_setting_up else begun

    def _beat(self, beat: history.Heartbeat) -> Report:
        """What the probe makes of its samples, as it comes out of the table. A signal that it lacks is not reported."""
        for name, reading in beat.signals.items():
            sample = Sample(at=beat.at, state=reading.state, reason=reading.reason, boot_id=str(self._boots))
            self._evidence[name] = fold(self._evidence.get(name), sample)
        signals = {name: self._evidence[name] for name in beat.signals}
        report = Heartbeat(instance_id=MACHINE_ID, at=beat.at, boot_id=str(self._boots), signals=signals)
        return heartbeat_from(plain_heartbeat(report, KEY))

    def _keep(self, until: datetime, at: datetime) -> Iterator[Action]:
        """One that comes too late, or has passed already, changes nothing."""
        if self._instance is None:
            return
        try:
            wanted = wishes.keep(self._instance, until, SOMEBODY, ANY_KEEP, at)
        except Refused:
            return
        self._instance = wanted.instance
        yield from _actions(wanted.entries)

    def _setup_started(self, at: datetime) -> Iterator[Action]:
        """Before it is ready, after it, or twice: until the setup has ended it is not judged."""
        self._is_setting_up = True
        if self._instance is None:
            return
        if self._instance.warned and self._instance.warned.kind is WarningKind.IDLE:
            plan = withdraw(self._instance, "it is being set up", at)
            self._instance = plan.instance
            yield from _actions(plan.entries)
        self._instance = _setting_up(self._instance, at)

    def _stopped(self) -> None:
        """The next start is another boot, of which nothing is known yet."""
        self._instance = None
        self._is_setting_up = False
        self._boots += 1
        self._evidence = {}
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
        if instance is None or instance.told != "activity_unknown" or instance.ends_at is None:
            return LONG_AGO
        return _whole_minute(instance.ends_at - instance.spec.idle_policy.notice)

    def _sweep(self, instance: Instance, now: datetime) -> Iterator[Action]:
        seen = Observation(ec2=RUNNING, heartbeat=self._report)
        for _ in range(PASSES):
            plan = lifecycle.decide(instance, seen, now, RULES)
            self._instance = instance = plan.instance
            yield from _actions(plan.entries)
            if isinstance(plan.step, Stop):
                self._stopped()
                return
            if not plan.again:
                return


def _started(policy: Policy, at: datetime) -> Instance:
    """A machine that can be used from now on; its life begins, too."""
    return Instance(
        id="gd-replay",
        name="this-one",
        owner=SOMEBODY.owner,
        created_by=SOMEBODY.owner,
        created_at=at,
        spec=Spec(
            desired=Desired.RUNNING,
            instance_type=TYPE,
            region=REGION,
            recipe="bare",
            disk_gib=64,
            gpu_count=1,
            nvidia_gpu_count=1,
            idle_policy=policy.idle,
            max_hours=policy.max_hours,
        ),
        phase=Phase.READY,
        phase_since=at,
        reason=Reason(code="ready", sentence="ready"),
        machine=Machine(instance_id=MACHINE_ID, zone=ZONE, state=Ec2State.RUNNING, launched_at=at),
        life_began_at=at,
        was_reached=True,
        ready_since=at,
    )


def _begun_anew(instance: Instance, at: datetime) -> Instance:
    """Ready once more, without a stop between: the window begins here, the life goes on."""
    return made_ready(replace(instance, setup=Setup(), silent_since=None), "once more", at).instance


def _setting_up(instance: Instance, at: datetime) -> Instance:
    run = DocumentRun(attempt_id="-", sent_at=at, called_at=at, command_id="-")
    setup = Setup(documents=(THE_SETUP,), run=run)
    return replace(moved(instance, Phase.SETTING_UP, because("setting_up", "it is being set up"), at), setup=setup)


def _actions(entries: Iterable[Entry]) -> Iterator[Action]:
    for line in entries:
        if line.code in ACTIONS:
            yield Action(line.at, ACTIONS[line.code], line.sentence)


def _whole_minute(moment: datetime) -> datetime:
    """The next one, or itself where it is one."""
    floor = moment.replace(second=0, microsecond=0)
    return floor if floor == moment else floor + MINUTE


RUNNING = Ec2View(
    instance_id=MACHINE_ID,
    desk_id="gd-replay",
    name="this-one",
    owner=SOMEBODY.owner,
    region=REGION,
    zone=ZONE,
    instance_type=TYPE,
    state=Ec2State.RUNNING,
    launched_at=LONG_AGO,
)
