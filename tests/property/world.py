"""One generated world: an instance with its probe, the heartbeat table, and gpudesk. Each of them can fail.

The functions of the product decide for the instance and for gpudesk. The world also records what was really true. The
tests compare decisions only with that record.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import strategies as st

from chalicelib.domain.common.errors import Conflict
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
from chalicelib.domain.instances.lifecycle import decide, stop_warnings
from chalicelib.domain.instances.lifecycle.heartbeat_messages import build_response
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import Observation
from chalicelib.domain.instances.plan import Stop
from chalicelib.domain.instances.record import Instance
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.store.data_files import load_catalog
from tests.property.history import ClockJump, History, KeepEvent, Link, Minute, SimpleEvent, WorldEvent, list_minutes
from tests.support.ready_instance import ADA, EC2_RUNNING, INSTANCE_ID, MINUTE, POLICY, START, build_ready_instance

NO_TIME = timedelta(0)
OTHER_POLICY = IdlePolicy(idle_minutes=6, warning_minutes=6)
REACHABLE = ChannelDirectory(owners={"ada": Channels(email="ada@example.org")})


@dataclass(frozen=True)
class TrueMinute:
    """Facts of one minute, with the true time."""

    at: datetime
    is_quiet: bool
    missing: str | None
    forbids_self_stop: bool


@dataclass(frozen=True)
class Stopped:
    """The stop that ends a world.

    :param warning: the warning of gpudesk; None: the instance stopped itself
    :param instance_time: the time of the instance's clock
    """

    at: datetime
    instance_time: datetime
    warning: StopWarning | None
    warning_type: WarningType | None


@dataclass
class World:
    """A world that runs minute by minute until something stops the instance.

    :param has_encoding: heartbeats are encoded and decoded, which takes a third of the time and changes none of them
    """

    instance: Instance
    directory: ChannelDirectory = field(default_factory=ChannelDirectory)
    has_encoding: bool = False
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
    policy_arrived_at: datetime = START
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
        report: DecodedHeartbeat = heartbeat
        if self.has_encoding:
            report = decode_heartbeat(encode_heartbeat(heartbeat, f"AROAEXAMPLEEXAMPLEEXA:{INSTANCE_ID}"))
            assert report == heartbeat
        current = (report, self.now)
        late = self.previous_heartbeat if link is Link.LATE else None
        self.stored_heartbeat, self.stored_heartbeat_at = late or current
        self.previous_heartbeat = current
        response = self.stored_response or self.response
        if response and (self.response is None or self.response.policy != response.policy):
            self.policy_arrived_at = self.now
        self.response = response

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
            LocalStatus(heartbeat, is_setting_up=minute.is_setting_up),
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
        """Decide until a plan has no requeue, at most 4 times, and store the heartbeat response."""
        desk = DeskSettings(mode=self.mode)
        rules = DecisionContext(
            desk=desk,
            directory=self.directory,
            heartbeat_table="t",
            heartbeat_region="r",
            instance_role_id="AROA",
            catalog=CATALOG,
        )
        observation = Observation(ec2=EC2_RUNNING, heartbeat=self.stored_heartbeat)
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


CATALOG = load_catalog()

worlds = st.builds(World, st.just(build_ready_instance()), st.sampled_from([ChannelDirectory(), REACHABLE]))
