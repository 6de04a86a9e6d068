"""Simulate one generated world: an instance with its probe, the table, and gpudesk. Each of them can fail.

The functions of the product decide what the instance and gpudesk do. What is really true is recorded separately, and
the tests compare only with that.
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
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State
from chalicelib.domain.instances.lifecycle import decide, stop_warnings
from chalicelib.domain.instances.lifecycle.heartbeat_messages import build_response
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation, ObservedInstance
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Instance, Lifetime, Phase
from chalicelib.domain.instances.spec import DesiredState, Hardware, Policy, Software, Spec
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.setup.state import SetupState

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NO_TIME = timedelta(0)
ADA = Actor(owner="ada", role=Role.USER)
POLICY = IdlePolicy(idle_minutes=10, warning_minutes=5)
OTHER_POLICY = IdlePolicy(idle_minutes=6, warning_minutes=6)
INSTANCE_ID = "i-0123456789abcdef0"
REACHABLE = ChannelDirectory(owners={"ada": Channels(email="ada@example.org")})
VIEW = ObservedInstance(
    instance_id=INSTANCE_ID,
    tag_id="gd-1",
    name="n",
    owner="ada",
    region="us-east-1",
    zone="us-east-1a",
    instance_type="g4dn.xlarge",
    state=Ec2State.RUNNING,
    launched_at=START,
)


class Link(Enum):
    """What happens to a heartbeat. If it is written, the call returns the heartbeat response."""

    THROUGH = "through"
    TWICE = "each sample is folded twice"
    LATE = "an older heartbeat is written after it"
    LOST = "lost"


class SimpleEvent(Enum):
    """An event without a value."""

    REBOOT = "reboot"
    DELIVERY = "the warning is delivered"
    OTHER_POLICY = "the policy is changed"
    FIRST_POLICY = "the policy is changed back"


@dataclass(frozen=True)
class KeepEvent:
    """A request for a keep, by the API or on the instance."""

    minutes: int
    on_instance: bool = False


@dataclass(frozen=True)
class ClockJump:
    """The clock of the instance is wrong by so many seconds from now on."""

    seconds: int


WorldEvent = SimpleEvent | KeepEvent | ClockJump | Mode | None


@dataclass(frozen=True)
class Minute:
    """What happens in one minute. Every signal is quiet except those that are named."""

    active: str | None = None
    unknown: str | None = None
    missing: str | None = None
    link: Link = Link.THROUGH
    sweeps: bool = True
    is_setting_up: bool = False
    event: WorldEvent = None

    def state(self, signal: str) -> SignalState | None:
        if signal == self.missing:
            return None
        if signal == self.active:
            return SignalState.ACTIVE
        return SignalState.UNKNOWN if signal == self.unknown else SignalState.QUIET

    @property
    def is_quiet(self) -> bool:
        """Return whether every sample was quiet."""
        return not (self.active or self.unknown)


@dataclass(frozen=True)
class TrueMinute:
    """What was true in one minute, by the true time."""

    at: datetime
    is_quiet: bool
    missing: str | None
    forbids_self_stop: bool


@dataclass(frozen=True)
class Stopped:
    """The end of a world.

    :param warning: the warning of gpudesk; None: the instance stopped itself
    :param instance_time: the time of the instance's clock
    """

    at: datetime
    instance_time: datetime
    warning: StopWarning | None
    warning_type: WarningType | None


@dataclass
class World:
    """A world that runs minute by minute until something stops the instance."""

    instance: Instance
    directory: ChannelDirectory = field(default_factory=ChannelDirectory)
    mode: Mode = Mode.ENFORCE
    now: datetime = START
    clock_error: timedelta = NO_TIME
    boot_count: int = 0
    evidence: dict[str, Evidence] = field(default_factory=dict)
    self_stop_state: SelfStopState = SelfStopState()
    response: HeartbeatResponse | None = None
    keep_request: KeepRequest | None = None
    stored_heartbeat: DecodedHeartbeat = None
    stored_heartbeat_at: datetime | None = None
    previous_heartbeat: tuple[DecodedHeartbeat, datetime] | None = None
    stored_response: HeartbeatResponse | None = None
    true_minutes: list[TrueMinute] = field(default_factory=list)
    kept_until: datetime = START
    self_stop_warned_at: datetime | None = None
    max_clock_error: timedelta = NO_TIME
    stopped: Stopped | None = None

    @property
    def instance_time(self) -> datetime:
        return self.now + self.clock_error

    def run_minute(self, minute: Minute) -> None:
        if self.stopped:
            return
        self.now += MINUTE
        self._apply_event(minute.event)
        self._run_probe(minute)
        if minute.sweeps and not self.stopped:
            self._sweep()

    def run_history(self, history: "History") -> None:
        for minute in list_minutes(history):
            self.run_minute(minute)

    def _apply_event(self, event: WorldEvent) -> None:
        match event:
            case None:
                pass
            case SimpleEvent.REBOOT:
                self.boot_count += 1
                self.evidence, self.self_stop_state, self.self_stop_warned_at = {}, SelfStopState(), None
            case SimpleEvent.DELIVERY:
                self._deliver_warning()
            case SimpleEvent.OTHER_POLICY:
                self._set_policy(OTHER_POLICY)
            case SimpleEvent.FIRST_POLICY:
                self._set_policy(POLICY)
            case KeepEvent(minutes, on_instance=True):
                self.keep_request = KeepRequest(id=f"w-{self.now:%H%M}-{self.boot_count}", hours=minutes / 60)
            case KeepEvent(minutes):
                self._keep(minutes * MINUTE)
            case ClockJump(seconds):
                self.clock_error = timedelta(seconds=seconds)
                self.max_clock_error = max(self.max_clock_error, abs(self.clock_error))
            case Mode():
                self.mode = event

    def _deliver_warning(self) -> None:
        if self.instance.warning:
            plan = stop_warnings.record_delivery(self.instance, self.instance.warning.id, "email", self.now)
            self.instance = plan.instance if plan else self.instance

    def _set_policy(self, policy: IdlePolicy) -> None:
        self.instance = replace(
            self.instance, spec=replace(self.instance.spec, policy=replace(self.instance.spec.policy, idle=policy))
        )

    def _keep(self, span: timedelta) -> None:
        try:
            self.instance = keep.request_keep(self.instance, self.now + span, ADA, Limits(), self.now).instance
        except Conflict:
            return
        self.kept_until = self.instance.lifetime.keep_until or self.kept_until

    def _run_probe(self, minute: Minute) -> None:
        at, boot = self.instance_time, str(self.boot_count)
        for name in SIGNALS:
            state = minute.state(name)
            for _ in range(0 if state is None else 2 if minute.link is Link.TWICE else 1):
                sample = Sample(at, state or SignalState.UNKNOWN, "-", boot)
                self.evidence[name] = fold_sample(self.evidence.get(name), sample)
        heartbeat = Heartbeat(
            instance_id=INSTANCE_ID,
            at=at,
            boot_id=boot,
            signals={name: evidence for name, evidence in self.evidence.items() if name != minute.missing},
            acknowledged=self._acknowledge(),
            keep_request=self.keep_request,
        )
        if minute.link is not Link.LOST:
            self._store_heartbeat(heartbeat, minute.link)
        self._decide_self_stop(heartbeat, minute)
        forbids = minute.is_setting_up or self.response is None or self.response.mode != "enforce" or self._knows_keep()
        self.true_minutes.append(TrueMinute(self.now, minute.is_quiet, minute.missing, forbids))

    def _store_heartbeat(self, heartbeat: Heartbeat, link: Link) -> None:
        report = decode_heartbeat(encode_heartbeat(heartbeat, f"AROAEXAMPLEEXAMPLEEXA:{INSTANCE_ID}"))
        this = (report, self.now)
        late = self.previous_heartbeat if link is Link.LATE else None
        self.stored_heartbeat, self.stored_heartbeat_at = late or this
        self.previous_heartbeat = this
        self.response = self.stored_response or self.response

    def _acknowledge(self) -> Acknowledgement:
        """Return the acknowledgement of a terminal that shows every warning of the response."""
        if self.response is None:
            return Acknowledgement()
        warning = self.response.warning
        return Acknowledgement(
            keep_until=self.response.keep_until, warning_id=warning.id if warning else None, terminals=0
        )

    def _knows_keep(self) -> bool:
        until = self.response.keep_until if self.response else None
        return until is not None and self.instance_time < until

    def _decide_self_stop(self, heartbeat: Heartbeat, minute: Minute) -> None:
        decision = decide_self_stop(
            self.self_stop_state,
            LocalStatus(heartbeat, has_gpu=True, is_setting_up=minute.is_setting_up),
            self.response,
            self.instance_time,
        )
        self.self_stop_state = decision.state
        match decision.action:
            case SelfStopAction.WARN:
                self.self_stop_warned_at = self.now
            case SelfStopAction.CANCEL:
                self.self_stop_warned_at = None
            case SelfStopAction.STOP:
                self.stopped = Stopped(self.now, self.instance_time, None, None)

    def _sweep(self) -> None:
        """Decide as the loop does, a few times at most, and write the response."""
        desk = DeskSettings(mode=self.mode)
        rules = DecisionContext(
            desk=desk, directory=self.directory, heartbeat_table="t", heartbeat_region="r", instance_role_id="AROA"
        )
        observation = Observation(ec2=VIEW, heartbeat=self.stored_heartbeat)
        for _ in range(4):
            before = self.instance
            plan = decide.decide(before, observation, self.now, rules)
            self.instance = plan.instance
            if before.lifetime.keep_until != plan.instance.lifetime.keep_until:
                self.kept_until = plan.instance.lifetime.keep_until or START
            if isinstance(plan.step, Stop):
                claim = plan.instance.claim
                self.stopped = Stopped(
                    self.now, self.instance_time, before.warning, claim.warning_type if claim else None
                )
                return
            if not plan.requeue:
                break
        self.stored_response = build_response(self.instance, desk)


def build_ready_instance(max_hours: int = 72) -> Instance:
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
        ec2_instance=Ec2Instance(instance_id=INSTANCE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=START),
        ready_since=START,
        lifetime=Lifetime(started_at=START),
    )


History = list[tuple[Minute, int]]

rare_signals = st.one_of(*[st.none()] * 12, st.sampled_from(SIGNALS))
events: st.SearchStrategy[WorldEvent] = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.sampled_from(SimpleEvent),
    st.builds(KeepEvent, st.integers(1, 45), st.booleans()),
    st.builds(ClockJump, st.sampled_from([0, 0, 3, -3, 45, -45, 150, -150, 600, -600, 7200, -7200])),
    st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.DRY_RUN, Mode.PAUSED]),
)
minutes = st.builds(
    Minute,
    active=rare_signals,
    unknown=rare_signals,
    missing=rare_signals,
    link=st.sampled_from([Link.THROUGH] * 12 + list(Link)),
    sweeps=st.sampled_from([True] * 9 + [False]),
    is_setting_up=st.sampled_from([False] * 12 + [True]),
    event=events,
)
histories: st.SearchStrategy[History] = st.lists(
    st.tuples(minutes, st.one_of(st.integers(1, 4), st.integers(8, 45))), min_size=2, max_size=9
)
worlds = st.builds(World, st.just(build_ready_instance()), st.sampled_from([ChannelDirectory(), REACHABLE]))


def list_minutes(history: History) -> Iterator[Minute]:
    """Yield the minutes of a history. A minute repeats `count` times, and its event happens in the first one."""
    for minute, count in history:
        yield minute
        lasting = replace(minute, event=None)
        for _ in range(count - 1):
            yield lasting


def remove_events(history: History, *kinds: type) -> History:
    """Return the history without the events of some kinds."""
    return [(replace(m, event=None) if isinstance(m.event, kinds) else m, count) for m, count in history]
