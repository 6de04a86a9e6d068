"""Generated histories of a machine, judged minute by minute by the very functions that machine and sweep call.

Whatever happens: nothing that was busy is stopped for idleness, a keep is never broken, nobody is stopped unwarned,
and what is forgotten and readable is stopped within window + warning + two sweeps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import lifecycle, wishes
from chalicelib.domain.activity.evidence import Evidence, Sample, State, fold
from chalicelib.domain.activity.heartbeat import Heartbeat
from chalicelib.domain.activity.policy import IdlePolicy
from chalicelib.domain.actors import Actor, Role
from chalicelib.domain.desk import Ceilings, DeskSettings
from chalicelib.domain.errors import Conflict
from chalicelib.domain.instance import Desired, Ec2State, Instance, Machine, Phase, Spec, WarningKind
from chalicelib.domain.lifecycle import Rules
from chalicelib.domain.observation import Ec2View, Observation
from chalicelib.domain.plan import Stop
from chalicelib.domain.reason import Reason

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = Rules(desk=DeskSettings(), heartbeat_table="t", heartbeat_region="r", instance_role_id="AROA")
ADA = Actor(owner="ada", role=Role.USER)
POLICY = IdlePolicy(idle_minutes=10, warning_minutes=5)


@dataclass(frozen=True)
class Minute:
    """What happens in one minute of a history."""

    jupyter: State | None
    gpu: State
    is_heard: bool = True
    reboots: bool = False
    keep_hours: float | None = None
    sweeps: bool = True


@dataclass
class Story:
    """A machine, its probe and its desk."""

    instance: Instance
    now: datetime = START
    boot: int = 0
    evidence: dict[str, Evidence] = field(default_factory=dict)
    heard: Heartbeat | None = None
    warned_at: datetime | None = None
    stopped_at: datetime | None = None
    kept_until: datetime | None = None

    def live(self, minute: Minute) -> None:
        self.now += MINUTE
        if minute.reboots:
            self.boot += 1
        self._probe(minute)
        if minute.keep_hours is not None:
            self._keep(minute.keep_hours)
        if minute.sweeps:
            self._sweep()

    def _probe(self, minute: Minute) -> None:
        for name, state in (("jupyter", minute.jupyter), ("gpu", minute.gpu)):
            if state is not None:
                sample = Sample(self.now, state, state.value, str(self.boot))
                self.evidence[name] = fold(self.evidence.get(name), sample)
        if minute.is_heard:
            self.heard = Heartbeat(instance_id="i-1", at=self.now, signals=dict(self.evidence))

    def _keep(self, hours: float) -> None:
        until = self.now + timedelta(hours=hours)
        try:
            self.instance = wishes.keep(self.instance, until, ADA, Ceilings(), self.now).instance
        except Conflict:
            return
        self.kept_until = until

    def _sweep(self) -> None:
        before = self.instance
        plan = lifecycle.decide(before, Observation(ec2=VIEW, heartbeat=self.heard), self.now, RULES)
        self.instance = plan.instance
        if plan.instance.warned and not before.warned:
            self.warned_at = self.now
        if isinstance(plan.step, Stop) and self.stopped_at is None:
            self.stopped_at = self.now


VIEW = Ec2View(
    instance_id="i-1",
    desk_id="gd-1",
    name="n",
    owner="ada",
    region="us-east-1",
    zone="us-east-1a",
    instance_type="g4dn.xlarge",
    state=Ec2State.RUNNING,
    launched_at=START,
)


def ready(max_hours: int = 72) -> Instance:
    return Instance(
        id="gd-1",
        name="n",
        owner="ada",
        created_by="ada",
        created_at=START,
        spec=Spec(
            desired=Desired.RUNNING,
            instance_type="g4dn.xlarge",
            region="us-east-1",
            recipe="jupyter",
            disk_gib=64,
            gpu="T4",
            gpu_count=1,
            nvidia_gpu_count=1,
            idle_policy=POLICY,
            max_hours=max_hours,
        ),
        phase=Phase.READY,
        phase_since=START,
        reason=Reason(code="ready", sentence="ready"),
        machine=Machine(instance_id="i-1", zone="us-east-1a", state=Ec2State.RUNNING, launched_at=START),
        life_began_at=START,
        ready_since=START,
    )


states = st.sampled_from([State.QUIET] * 6 + [State.ACTIVE, State.UNKNOWN])
minutes = st.builds(
    Minute,
    jupyter=st.one_of(states, states, st.none()),
    gpu=states,
    is_heard=st.sampled_from([True] * 9 + [False]),
    reboots=st.sampled_from([False] * 30 + [True]),
    keep_hours=st.one_of(st.none(), st.none(), st.none(), st.floats(0.05, 1)),
    sweeps=st.sampled_from([True] * 6 + [False]),
)
stretches = st.lists(st.tuples(minutes, st.integers(1, 25)), min_size=1, max_size=14)


def unrolled(history: list[tuple[Minute, int]]) -> Iterator[Minute]:
    """Each kind of minute lasts for a while; keeps and reboots happen once, in its first minute."""
    for minute, count in history:
        yield minute
        for _ in range(count - 1):
            yield replace(minute, keep_hours=None, reboots=False)


@given(stretches)
def test_nothing_that_was_not_quiet_through_the_window_is_stopped(history: list[tuple[Minute, int]]) -> None:
    story = Story(ready())
    lived: list[tuple[datetime, Minute]] = []
    for minute in unrolled(history):
        story.live(minute)
        lived.append((story.now, minute))
        if story.stopped_at:
            break
    if story.stopped_at is None:
        return
    window = [m for at, m in lived if at > story.stopped_at - POLICY.window and m.is_heard]
    assert window, "there was evidence"
    assert all(m.gpu is State.QUIET for m in window)
    assert all(m.jupyter in (State.QUIET, None) for m in window)


@given(stretches)
def test_nobody_is_stopped_unwarned_and_no_keep_is_broken(history: list[tuple[Minute, int]]) -> None:
    story = Story(ready())
    for minute in unrolled(history):
        story.live(minute)
        if story.stopped_at:
            break
    if story.stopped_at:
        assert story.warned_at is not None
        assert story.stopped_at - story.warned_at >= POLICY.notice
        assert story.kept_until is None or story.stopped_at >= story.kept_until


@given(stretches)
def test_what_is_forgotten_is_stopped_in_time(history: list[tuple[Minute, int]]) -> None:
    story = Story(ready())
    for minute in unrolled(history):
        story.live(replace(minute, keep_hours=None))
    if story.stopped_at:
        return
    forgotten_at = story.now
    while story.stopped_at is None and story.now < forgotten_at + timedelta(hours=2):
        story.live(Minute(State.QUIET, State.QUIET))
    assert story.stopped_at is not None
    assert story.stopped_at <= forgotten_at + POLICY.window + POLICY.notice + 2 * MINUTE


@given(stretches, st.integers(1, 3))
def test_a_lifetime_bounds_everything_but_a_keep(history: list[tuple[Minute, int]], max_hours: int) -> None:
    """Within warning and two sweeps of its end, or of the desk's return where it was away then."""
    story = Story(ready(max_hours))
    away_until = START
    for minute in unrolled(history):
        story.live(minute)
        if not minute.sweeps:
            away_until = story.now
    while story.stopped_at is None and story.now < START + timedelta(hours=8):
        story.live(Minute(State.ACTIVE, State.UNKNOWN, is_heard=False))
    assert story.stopped_at is not None
    end = max(START + timedelta(hours=max_hours), story.kept_until or START, away_until)
    assert story.stopped_at <= end + POLICY.notice + 2 * MINUTE
    claim = story.instance.claim
    assert claim is not None
    assert claim.kind in (WarningKind.LIFETIME, WarningKind.IDLE)
