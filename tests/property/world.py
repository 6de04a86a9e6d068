"""One generated world: a machine with its probe, the table between, and the desk, each of which can fail.

What machine and desk do is done by the product's own functions; what is true is written down beside it, and the laws
are judged by that alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from hypothesis import strategies as st

from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.errors import Conflict
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.desk.channels import ChannelDirectory, Channels
from chalicelib.domain.desk.settings import DeskSettings, Limits, Mode
from chalicelib.domain.idle.evidence import Evidence, Sample, SignalState, fold_sample
from chalicelib.domain.idle.heartbeat import Acknowledgement, DecodedHeartbeat, Heartbeat, KeepRequest
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_encoding import encode_heartbeat
from chalicelib.domain.idle.heartbeat_response import HeartbeatResponse
from chalicelib.domain.idle.policy import SIGNALS, IdlePolicy
from chalicelib.domain.idle.self_stop import LocalStatus, SelfStopAction, SelfStopState, decide_self_stop
from chalicelib.domain.instances.commands import keep
from chalicelib.domain.instances.lifecycle import decide, machine_messages
from chalicelib.domain.instances.lifecycle.orders import build_response
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Ec2State, Instance, Lifetime, Machine, Phase
from chalicelib.domain.instances.spec import DesiredState, Hardware, Policy, Software, Spec
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.setup.state import SetupState

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NO_TIME = timedelta(0)
ADA = Actor(owner="ada", role=Role.USER)
POLICY = IdlePolicy(idle_minutes=10, warning_minutes=5)
OTHER_POLICY = IdlePolicy(idle_minutes=6, warning_minutes=6)
MACHINE_ID = "i-0123456789abcdef0"
REACHABLE = ChannelDirectory(owners={"ada": Channels(email="ada@example.org")})
VIEW = ObservedInstance(
    instance_id=MACHINE_ID,
    desk_id="gd-1",
    name="n",
    owner="ada",
    region="us-east-1",
    zone="us-east-1a",
    instance_type="g4dn.xlarge",
    state=Ec2State.RUNNING,
    launched_at=START,
)


class Link(Enum):
    """How a heartbeat fares; its answer brings the orders where it gets through."""

    THROUGH = "through"
    TWICE = "its samples are taken twice"
    LATE = "an older one arrives after it"
    LOST = "lost"


class Event(Enum):
    """What happens once, without a figure."""

    REBOOT = "reboot"
    DELIVERY = "somebody is reached"
    OTHER_POLICY = "the policy is changed"
    FIRST_POLICY = "and changed back"


@dataclass(frozen=True)
class Kept:
    """Somebody asks the desk for a keep, or asks for it on the machine."""

    minutes: int
    on_the_machine: bool = False


@dataclass(frozen=True)
class Jump:
    """The machine's clock is set: so many seconds off from now on."""

    seconds: int


Happening = Event | Kept | Jump | Mode | None


@dataclass(frozen=True)
class Minute:
    """What happens in one minute. Every signal is quiet but those that are named."""

    active: str | None = None
    unknown: str | None = None
    missing: str | None = None
    link: Link = Link.THROUGH
    sweeps: bool = True
    is_setting_up: bool = False
    happening: Happening = None

    def state(self, signal: str) -> SignalState | None:
        if signal == self.missing:
            return None
        if signal == self.active:
            return SignalState.ACTIVE
        return SignalState.UNKNOWN if signal == self.unknown else SignalState.QUIET

    @property
    def is_quiet(self) -> bool:
        """Nothing that was sampled says otherwise."""
        return not (self.active or self.unknown)


@dataclass(frozen=True)
class Beat:
    """What was true at a beat, in the world's time."""

    at: datetime
    is_quiet: bool
    missing: str | None
    forbids_leaving: bool


@dataclass(frozen=True)
class Stopped:
    """The end of a world.

    :param warned: what the desk had warned of; None where the machine left by itself
    :param at_machine: the machine's own time
    """

    at: datetime
    at_machine: datetime
    warned: StopWarning | None
    kind: WarningType | None


@dataclass
class World:
    """It goes on minute by minute until something stops the machine."""

    instance: Instance
    book: ChannelDirectory = field(default_factory=ChannelDirectory)
    mode: Mode = Mode.ENFORCE
    now: datetime = START
    clock_is_off: timedelta = NO_TIME
    boot: int = 0
    evidence: dict[str, Evidence] = field(default_factory=dict)
    alone: SelfStopState = SelfStopState()
    orders: HeartbeatResponse | None = None
    wish: KeepRequest | None = None
    on_the_table: DecodedHeartbeat = None
    on_the_table_of: datetime | None = None
    the_one_before: tuple[DecodedHeartbeat, datetime] | None = None
    given: HeartbeatResponse | None = None
    beats: list[Beat] = field(default_factory=list)
    kept_until: datetime = START
    left_alone_warned_at: datetime | None = None
    widest_clock_error: timedelta = NO_TIME
    stopped: Stopped | None = None

    @property
    def machine_time(self) -> datetime:
        return self.now + self.clock_is_off

    def live(self, minute: Minute) -> None:
        if self.stopped:
            return
        self.now += MINUTE
        self._happens(minute.happening)
        self._beat(minute)
        if minute.sweeps and not self.stopped:
            self._sweep()

    def live_through(self, history: "History") -> None:
        for minute in unrolled(history):
            self.live(minute)

    def _happens(self, happening: Happening) -> None:
        match happening:
            case None:
                pass
            case Event.REBOOT:
                self.boot += 1
                self.evidence, self.alone, self.left_alone_warned_at = {}, SelfStopState(), None
            case Event.DELIVERY:
                self._delivered()
            case Event.OTHER_POLICY:
                self._obey(OTHER_POLICY)
            case Event.FIRST_POLICY:
                self._obey(POLICY)
            case Kept(minutes, on_the_machine=True):
                self.wish = KeepRequest(id=f"w-{self.now:%H%M}-{self.boot}", hours=minutes / 60)
            case Kept(minutes):
                self._keep(minutes * MINUTE)
            case Jump(seconds):
                self.clock_is_off = timedelta(seconds=seconds)
                self.widest_clock_error = max(self.widest_clock_error, abs(self.clock_is_off))
            case Mode():
                self.mode = happening

    def _delivered(self) -> None:
        if self.instance.warning:
            plan = machine_messages.record_delivery(self.instance, self.instance.warning.id, "email", self.now)
            self.instance = plan.instance if plan else self.instance

    def _obey(self, policy: IdlePolicy) -> None:
        self.instance = replace(
            self.instance, spec=replace(self.instance.spec, policy=replace(self.instance.spec.policy, idle=policy))
        )

    def _keep(self, span: timedelta) -> None:
        try:
            self.instance = keep.request_keep(self.instance, self.now + span, ADA, Limits(), self.now).instance
        except Conflict:
            return
        self.kept_until = self.instance.lifetime.keep_until or self.kept_until

    def _beat(self, minute: Minute) -> None:
        at, boot = self.machine_time, str(self.boot)
        for name in SIGNALS:
            state = minute.state(name)
            for _ in range(0 if state is None else 2 if minute.link is Link.TWICE else 1):
                sample = Sample(at, state or SignalState.UNKNOWN, "-", boot)
                self.evidence[name] = fold_sample(self.evidence.get(name), sample)
        own = Heartbeat(
            instance_id=MACHINE_ID,
            at=at,
            boot_id=boot,
            signals={name: evidence for name, evidence in self.evidence.items() if name != minute.missing},
            acknowledged=self._heard(),
            keep_request=self.wish,
        )
        if minute.link is not Link.LOST:
            self._arrives(own, minute.link)
        self._judge_alone(own, minute)
        forbids = minute.is_setting_up or self.orders is None or self.orders.mode != "enforce" or self._is_known_kept()
        self.beats.append(Beat(self.now, minute.is_quiet, minute.missing, forbids))

    def _arrives(self, own: Heartbeat, link: Link) -> None:
        report = decode_heartbeat(encode_heartbeat(own, f"AROAEXAMPLEEXAMPLEEXA:{MACHINE_ID}"))
        this = (report, self.now)
        late = self.the_one_before if link is Link.LATE else None
        self.on_the_table, self.on_the_table_of = late or this
        self.the_one_before = this
        self.orders = self.given or self.orders

    def _heard(self) -> Acknowledgement:
        """A terminal takes each warning that the orders bring."""
        if self.orders is None:
            return Acknowledgement()
        warning = self.orders.warning
        return Acknowledgement(
            keep_until=self.orders.keep_until, warning_id=warning.id if warning else None, terminals=0
        )

    def _is_known_kept(self) -> bool:
        until = self.orders.keep_until if self.orders else None
        return until is not None and self.machine_time < until

    def _judge_alone(self, own: Heartbeat, minute: Minute) -> None:
        turn = decide_self_stop(
            self.alone,
            LocalStatus(own, has_gpu=True, is_setting_up=minute.is_setting_up),
            self.orders,
            self.machine_time,
        )
        self.alone = turn.state
        match turn.action:
            case SelfStopAction.WARN:
                self.left_alone_warned_at = self.now
            case SelfStopAction.CANCEL:
                self.left_alone_warned_at = None
            case SelfStopAction.STOP:
                self.stopped = Stopped(self.now, self.machine_time, None, None)

    def _sweep(self) -> None:
        """As the loop does it: at most a few looks, then the orders."""
        desk = DeskSettings(mode=self.mode)
        rules = DecisionContext(
            desk=desk, directory=self.book, heartbeat_table="t", heartbeat_region="r", instance_role_id="AROA"
        )
        observation = Observation(ec2=VIEW, heartbeat=self.on_the_table)
        for _ in range(4):
            before = self.instance
            plan = decide.decide(before, observation, self.now, rules)
            self.instance = plan.instance
            if before.lifetime.keep_until != plan.instance.lifetime.keep_until:
                self.kept_until = plan.instance.lifetime.keep_until or START
            if isinstance(plan.step, Stop):
                claim = plan.instance.claim
                self.stopped = Stopped(
                    self.now, self.machine_time, before.warning, claim.warning_type if claim else None
                )
                return
            if not plan.requeue:
                break
        self.given = build_response(self.instance, desk)


def ready(max_hours: int = 72) -> Instance:
    return Instance(
        id="gd-1",
        name="n",
        owner="ada",
        created_by="ada",
        created_at=START,
        spec=Spec(
            desired=DesiredState.RUNNING,
            region="us-east-1",
            disk_gib=64,
            hardware=Hardware(instance_type="g4dn.xlarge", gpu="T4", gpu_count=1, nvidia_gpu_count=1),
            software=Software(recipe="jupyter"),
            policy=Policy(idle=POLICY, max_hours=max_hours),
        ),
        phase=Phase.READY,
        phase_since=START,
        reason=EventReason(code=EventCode.READY, message="ready"),
        setup=SetupState(recipe="jupyter"),
        machine=Machine(instance_id=MACHINE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=START),
        ready_since=START,
        lifetime=Lifetime(started_at=START),
    )


History = list[tuple[Minute, int]]

seldom = st.one_of(*[st.none()] * 12, st.sampled_from(SIGNALS))
happenings: st.SearchStrategy[Happening] = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.sampled_from(Event),
    st.builds(Kept, st.integers(1, 45), st.booleans()),
    st.builds(Jump, st.sampled_from([0, 0, 3, -3, 45, -45, 150, -150, 600, -600, 7200, -7200])),
    st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.DRY_RUN, Mode.PAUSED]),
)
minutes = st.builds(
    Minute,
    active=seldom,
    unknown=seldom,
    missing=seldom,
    link=st.sampled_from([Link.THROUGH] * 12 + list(Link)),
    sweeps=st.sampled_from([True] * 9 + [False]),
    is_setting_up=st.sampled_from([False] * 12 + [True]),
    happening=happenings,
)
histories: st.SearchStrategy[History] = st.lists(
    st.tuples(minutes, st.one_of(st.integers(1, 4), st.integers(8, 45))), min_size=2, max_size=9
)
worlds = st.builds(World, st.just(ready()), st.sampled_from([ChannelDirectory(), REACHABLE]))


def unrolled(history: History) -> Iterator[Minute]:
    """Each kind of minute lasts for a while; what happens once, happens in its first."""
    for minute, count in history:
        yield minute
        lasting = replace(minute, happening=None)
        for _ in range(count - 1):
            yield lasting


def without(history: History, *kinds: type) -> History:
    """The same, with some things not happening."""
    return [(replace(m, happening=None) if isinstance(m.happening, kinds) else m, count) for m, count in history]
