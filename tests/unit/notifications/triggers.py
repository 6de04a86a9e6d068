"""One decision for each notified event code that produces its timeline entry."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from chalicelib.aws.volumes import Volumes
from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.aws_errors import InsufficientCapacity, PermanentAwsError, QuotaExceeded
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.settings import DeskSettings
from chalicelib.domain.foreign.adoption import Adoption, AdoptionList
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.idle.heartbeat import SelfStopStatus
from chalicelib.domain.idle.rule import build_unknown_judgment
from chalicelib.domain.images import creation
from chalicelib.domain.images.plan import ImageObservation, ObservedAmi
from chalicelib.domain.images.record import ImagePhase
from chalicelib.domain.instances.billing import Rates
from chalicelib.domain.instances.claim import ClaimAction
from chalicelib.domain.instances.commands.request_move import cancel_move
from chalicelib.domain.instances.commands.start_benchmark import request_benchmark
from chalicelib.domain.instances.ec2_instance import (
    AttachedDisks,
    Ec2Instance,
    Ec2State,
    EndCause,
    ScheduledEvent,
    StateReason,
)
from chalicelib.domain.instances.launch_attempt import LaunchState
from chalicelib.domain.instances.launch_choice import LaunchChoice
from chalicelib.domain.instances.lifecycle import decide
from chalicelib.domain.instances.lifecycle import record_outcome as outcomes
from chalicelib.domain.instances.lifecycle.move_clean_up import clean_up
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.move_state import FormerPlace, MoveState, MoveStep, MoveTarget
from chalicelib.domain.instances.observation import (
    CommandStatus,
    MoveObservation,
    NotVisible,
    Observation,
    ObservedAgent,
    ObservedCommand,
    TagsMissing,
)
from chalicelib.domain.instances.observed_state import ObservedState
from chalicelib.domain.instances.outcome import InstanceLaunched, LaunchResolved, NoLongerIdle
from chalicelib.domain.instances.plan import Launch, Plan, ResolveLaunch, Start, Stop, Terminate
from chalicelib.domain.instances.quota_wait import ObservedQuota, QuotaWait
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spot import Interruption, SpotTerms
from chalicelib.domain.instances.start_state import StartState
from chalicelib.domain.instances.warning import WarningType
from chalicelib.domain.notifications.notification import Notification
from chalicelib.domain.setup.state import DocumentRun
from chalicelib.store import data_files
from chalicelib.store.adoptions import AdoptionRepository
from tests.support.ready_instance import ADA, EC2_RUNNING, INSTANCE_ID, MINUTE, START, build_launch_attempt
from tests.unit.images.test_creation import build_image
from tests.unit.notifications.delivery import OneInstanceRepository
from tests.unit.notifications.instances import (
    NAME,
    NOW,
    build_claimed_instance,
    build_command,
    build_due_warning,
    build_heartbeat,
    build_instance,
    build_instance_in_setup,
    build_instance_without_agent,
    build_launching_instance,
    end_lifetime,
    observe_boot,
    observe_state,
)

CATALOG = data_files.load_catalog()
CONTEXT = DecisionContext(
    desk=DeskSettings(), heartbeat_table="t", heartbeat_region="r", instance_role_id="AROA", catalog=CATALOG
)
BENCHMARK_OUTPUT = Path(__file__).parents[2] / "golden" / "benchmarks" / "h100_1.json"


Change = tuple[Instance, Sequence[TimelineEntry]]


def decide_change(instance: Instance, **observation: Any) -> Change:
    """Return the instance and the timeline entries after one decision."""
    plan = decide.decide(instance, Observation(**{"ec2": EC2_RUNNING, **observation}), NOW, CONTEXT)
    return plan.instance, plan.timeline


def decide_quota(wait: QuotaWait | None, *, fits: bool) -> Change:
    """Return the decision on a launch that may wait for a quota, whose increase AWS has declined."""
    instance = build_launching_instance(launch=LaunchState(quota_wait=wait))
    quota = ObservedQuota(
        key="us-east-1/L-1",
        fits=fits,
        need="g4dn.xlarge needs 4 vCPUs of quota L-1.",
        message="Quota L-1.",
        last_reading="",
        read_at=NOW,
        request="AWS did not increase it.",
        declined_request="1",
    )
    waiting = replace(instance, spec=replace(instance.spec, wait_for_quota=True))
    return decide_change(waiting, ec2=NotVisible(), quotas=(quota,))


def record_outcome(instance: Instance, step: Any, outcome: Any) -> Change:
    """Return the instance and the timeline entries after the outcome of a call is recorded."""
    plan: Plan = outcomes.record_outcome(instance, step, outcome, NOW)
    return plan.instance, plan.timeline


def fail_launch(error: Exception) -> Change:
    return record_outcome(
        build_launching_instance(launch=LaunchState(attempt=build_launch_attempt())),
        Launch(build_launch_attempt()),
        error,
    )


def launch_with_choice(*, region: str = "us-east-1", wait_until: datetime | None = None) -> Change:
    """Launch an instance of us-east-1 in its second pass.

    :param region: the region of the first offer
    """
    attempt = build_launch_attempt()
    instance = build_launching_instance(launch=LaunchState(attempt=attempt, pass_number=2))
    choice = LaunchChoice(instance_type=attempt.instance_type, region=region, wait_until=wait_until)
    waiting = replace(instance, spec=replace(instance.spec, launch_choice=choice))
    return record_outcome(waiting, Launch(attempt), InstanceLaunched(EC2_RUNNING.to_ec2_instance()))


FAILED = build_command(CommandStatus.FAILED, "E: Unable to locate package libfoo")


def end_benchmark(observation: ObservedCommand) -> Change:
    spec = replace(
        build_instance().spec, hardware=replace(build_instance().spec.hardware, instance_type="p5.4xlarge", gpu="H100")
    )
    requested = request_benchmark(
        build_instance(spec=spec, version=7), data_files.load_catalog(), None, ADA, NOW
    ).instance
    assert requested.benchmark_run is not None
    run = DocumentRun(attempt_id=requested.benchmark_run.id, sent_at=NOW, last_sent_at=NOW, command_id="c-1")
    return decide_change(
        replace(requested, benchmark_run=replace(requested.benchmark_run, run=run)),
        ec2=replace(EC2_RUNNING, instance_type="p5.4xlarge"),
        command=observation,
        heartbeat=build_heartbeat(),
    )


def with_move(instance: Instance, step: MoveStep, age: timedelta) -> Instance:
    """Return the instance with a move that has been in a step for some time."""
    spec = instance.spec
    move = MoveState(
        id="move-1",
        requested_by="ada",
        requested_at=NOW - age,
        source_region=spec.region,
        source_zone=f"{spec.region}a",
        target=MoveTarget(region=spec.region, hardware=spec.hardware),
        step=step,
        step_since=NOW - age,
    )
    return replace(instance, move=move)


def become_ready_at_target() -> Change:
    instance = with_move(build_instance(), MoveStep.LAUNCH, MINUTE)
    assert instance.move is not None
    assert instance.ec2_instance is not None
    former = FormerPlace(
        region=instance.spec.region,
        hardware=instance.spec.hardware,
        ec2_instance=instance.ec2_instance,
        setup=instance.setup,
        rates=instance.billing.rates,
    )
    move = replace(instance.move, former=former)
    return decide_change(replace(instance, move=move, ready_since=NOW - MINUTE))


def keep_only_copy() -> Change:
    instance = with_move(build_instance(), MoveStep.CLEAN_UP, MINUTE)
    assert instance.move is not None
    move = replace(instance.move, image_id="ami-1", is_source_lost=True, is_failed=True)
    plan = clean_up(instance, move, MoveObservation(leftover_count=1), NOW)
    assert plan is not None
    return plan.instance, plan.timeline


def cancel_copying_move() -> Change:
    change = cancel_move(with_move(build_instance(), MoveStep.IMAGE, MINUTE), ADA, NOW)
    return change.instance, change.entries


def end_image(state: str) -> Change:
    ami = ObservedAmi(
        ami_id="ami-1", state=state, snapshots=("snap-1",), size_gib=64, failure_reason="the disk is gone"
    )
    pending = replace(
        build_image(ImagePhase.PENDING, created_at=NOW),
        source=replace(build_image(ImagePhase.PENDING, created_at=NOW).source, instance_name=NAME),
    )
    after = creation.decide(pending, ImageObservation(ami=ami), NOW).image
    return build_instance(), [creation.build_completion_entry(after, NOW)]


class FakeVolumes(Volumes):
    def __init__(self) -> None:
        """Need no client."""

    def measure_disks(self, region: str, instance_id: str) -> AttachedDisks:
        return AttachedDisks(size_gib=64, are_priced=True)


class FakeAdoptions(AdoptionRepository):
    def __init__(self, adoption: Adoption | None) -> None:
        """Hold one adoption, or none."""
        self._adoptions = AdoptionList(adoptions=(adoption,) if adoption else ())

    def get(self) -> AdoptionList:
        return self._adoptions


ADOPTION = Adoption(
    instance_id=INSTANCE_ID,
    region="us-east-1",
    owner="ada",
    requested_by="root",
    requested_at=NOW,
    state_at=NOW,
    message="It has no probe of gpudesk.",
)


def adopt_instance(adoption: Adoption | None = None) -> Change:
    class AdoptingRepository(OneInstanceRepository):
        def load(self, id_or_name: str) -> Instance | None:
            return None

        def adopt(
            self, instance: Instance, entries: Iterable[TimelineEntry], notifications: Iterable[Notification] = ()
        ) -> bool:
            adopted.append((instance, [*entries]))
            return True

    adopted: list[Change] = []
    adopter = OrphanAdopter(
        AdoptingRepository(build_instance()),
        cast("Reconciler", None),
        FakeVolumes(),
        FakeAdoptions(adoption),
    )
    observed = replace(EC2_RUNNING, name=NAME, has_adopt_tag=adoption is not None)
    assert list(adopter.adopt_all([observed], [], CONTEXT, NOW)) == [INSTANCE_ID]
    return adopted[0]


def decide_overdue_call(action: ClaimAction) -> Change:
    return decide_change(build_claimed_instance(action, 21, last_called_at=NOW))


def fail_hook() -> Change:
    """Return an idle instance whose stop is claimed, and whose hook SSM rejects."""
    warned = build_instance(warning=build_due_warning(WarningType.IDLE))
    policy = replace(warned.spec.policy, before_stop_hook="/home/ubuntu/save.sh")
    warned = replace(warned, spec=replace(warned.spec, policy=policy))
    plan = decide.decide(warned, Observation(ec2=EC2_RUNNING, heartbeat=build_heartbeat()), NOW, CONTEXT)
    return record_outcome(plan.instance, plan.step, PermanentAwsError("InvalidInstanceId", "Not registered."))


SCHEDULED_EVENT = ScheduledEvent(
    id="e-1", code="instance-retirement", not_before=NOW + timedelta(days=2), description="old host"
)
ONLINE = ObservedAgent(online=True, last_ping_at=NOW)
SPOT_SPEC = replace(build_instance().spec, market=Market.SPOT)
EC2_SPOT = replace(EC2_RUNNING, market=Market.SPOT, spot_instance_request_id="sir-1")
REPORTED_INTERRUPTION = f"stop {NOW + 2 * MINUTE:%Y-%m-%dT%H:%M:%SZ}"
INTERRUPTED = StateReason(code="Server.SpotInstanceShutdown", cause=EndCause.SPOT)


TRIGGERS: Mapping[str, Callable[[], Change]] = {
    "ready": lambda: decide_change(build_instance_without_agent(), agent=ONLINE, **observe_boot()),
    "idle_warning": lambda: decide_change(build_instance(), heartbeat=build_heartbeat()),
    "lifetime_warning": lambda: decide_change(
        end_lifetime(build_instance()), heartbeat=build_heartbeat(SignalState.ACTIVE)
    ),
    "failed_warning": lambda: decide_change(
        build_instance(
            phase=Phase.FAILED,
            reason=EventReason(code=EventCode.SETUP_FAILED, message=f"Setup of jupyter failed on {NAME}: no disk."),
        )
    ),
    "no_agent_warning": lambda: decide_change(build_instance_without_agent(), **observe_boot()),
    "warning_cancelled": lambda: decide_change(
        build_instance(warning=build_due_warning(WarningType.IDLE)), heartbeat=build_heartbeat(SignalState.ACTIVE)
    ),
    "stop_initiated": lambda: decide_change(
        build_instance(warning=build_due_warning(WarningType.IDLE)), heartbeat=build_heartbeat()
    ),
    "stop_cancelled": lambda: record_outcome(
        build_claimed_instance(ClaimAction.STOP, 1, warning_type=WarningType.IDLE),
        Stop(),
        NoLongerIdle(build_unknown_judgment("no heartbeat").reason),
    ),
    "before_stop_failed": fail_hook,
    "terminate_initiated": lambda: decide_change(
        build_instance_without_agent(warning=build_due_warning(WarningType.NO_AGENT)), **observe_boot()
    ),
    "self_stopped": lambda: decide_change(
        build_instance(),
        ec2=observe_state(Ec2State.STOPPED),
        heartbeat=build_heartbeat(self_stop=SelfStopStatus(stop_at=NOW, stopping_now=True)),
    ),
    "stopped_externally": lambda: decide_change(build_instance(), ec2=observe_state(Ec2State.STOPPED)),
    "started_externally": lambda: decide_change(build_instance(phase=Phase.STOPPED)),
    "terminated_externally": lambda: decide_change(build_instance(), ec2=observe_state(Ec2State.TERMINATED)),
    "rebooted": lambda: decide_change(build_instance(), heartbeat=build_heartbeat(boot_id="boot-2")),
    "scheduled_event": lambda: decide_change(build_instance(), scheduled_event=SCHEDULED_EVENT),
    "setup_failed": lambda: decide_change(build_instance_in_setup(), command=FAILED, heartbeat=build_heartbeat()),
    "launch_refused": lambda: fail_launch(PermanentAwsError("InvalidParameterValue", "Invalid value.")),
    "quota_exceeded": lambda: fail_launch(QuotaExceeded("VcpuLimitExceeded", "You have requested more vCPU.")),
    "launched_as_other_offer": lambda: launch_with_choice(region="us-west-2"),
    "launched_after_wait": lambda: launch_with_choice(wait_until=NOW),
    "waiting_for_quota": lambda: decide_quota(None, fits=False),
    "quota_available": lambda: decide_quota(QuotaWait(since=START), fits=True),
    "quota_declined": lambda: decide_quota(QuotaWait(since=START), fits=False),
    "no_capacity": lambda: decide_change(build_launching_instance(), ec2=NotVisible()),
    "no_answer": lambda: decide_change(
        build_launching_instance(launch=LaunchState(attempt=replace(build_launch_attempt(), sent_at=START))),
        ec2=NotVisible(),
    ),
    "market_changed": lambda: record_outcome(
        build_launching_instance(spec=replace(SPOT_SPEC, spot=SpotTerms(can_fall_back=True))),
        ResolveLaunch(()),
        LaunchResolved(build_launch_attempt(), SPOT_SPEC.hardware, Rates(instance=Decimal("0.526"))),
    ),
    "spot_interruption": lambda: decide_change(
        build_instance(), ec2=EC2_SPOT, heartbeat=build_heartbeat(interruption=REPORTED_INTERRUPTION)
    ),
    "spot_interrupted": lambda: decide_change(
        build_instance(), ec2=replace(EC2_SPOT, state=Ec2State.STOPPED, state_reason=INTERRUPTED)
    ),
    "spot_resumed": lambda: decide_change(
        build_instance(phase=Phase.STOPPED, observed=ObservedState(interruption=Interruption(interrupted_at=START))),
        ec2=EC2_SPOT,
    ),
    "start_failed": lambda: record_outcome(
        build_claimed_instance(ClaimAction.START, 1), Start(), PermanentAwsError("Unsupported", "Not here.")
    ),
    "start_waiting": lambda: record_outcome(
        build_claimed_instance(ClaimAction.START, 1),
        Start(),
        InsufficientCapacity("InsufficientInstanceCapacity", "None is left."),
    ),
    "start_capacity_found": lambda: decide_change(
        replace(build_claimed_instance(ClaimAction.START, 1), start=StartState(refused_since=NOW - MINUTE))
    ),
    "moved": become_ready_at_target,
    "move_failed": lambda: decide_change(with_move(build_instance(), MoveStep.IMAGE, MINUTE)),
    "move_cancelled": cancel_copying_move,
    "move_image_kept": keep_only_copy,
    "move_leftover": lambda: decide_change(with_move(build_instance(), MoveStep.CLEAN_UP, 90 * MINUTE)),
    "image_available": lambda: end_image("available"),
    "image_failed": lambda: end_image("failed"),
    "benchmark_done": lambda: end_benchmark(
        build_command(CommandStatus.SUCCEEDED, BENCHMARK_OUTPUT.read_text(encoding="utf-8"))
    ),
    "benchmark_failed": lambda: end_benchmark(FAILED),
    "activity_unknown": lambda: decide_change(
        build_instance(
            observed=ObservedState(boot_id="boot-1", agent_seen=True, activity_unknown_since=NOW - 20 * MINUTE)
        )
    ),
    "type_changed": lambda: decide_change(
        build_instance(), ec2=replace(EC2_RUNNING, instance_type="g4dn.12xlarge"), heartbeat=build_heartbeat()
    ),
    "tags_lost": lambda: decide_change(build_instance(), ec2=TagsMissing(INSTANCE_ID)),
    "instance_gone": lambda: decide_change(
        build_instance(
            observed=ObservedState(boot_id="boot-1", agent_seen=True, not_visible_since=NOW - timedelta(hours=3))
        ),
        ec2=NotVisible(),
    ),
    "reappeared": lambda: record_outcome(
        build_instance(phase=Phase.TERMINATED, ec2_instance=None),
        Launch(build_launch_attempt()),
        InstanceLaunched(cast("Ec2Instance", build_instance().ec2_instance)),
    ),
    "adopted": adopt_instance,
    "adopted_on_request": lambda: adopt_instance(ADOPTION),
    "stop_refused": lambda: record_outcome(
        build_claimed_instance(ClaimAction.STOP, 1), Stop(), PermanentAwsError("UnauthorizedOperation", "No.")
    ),
    "terminate_refused": lambda: record_outcome(
        build_claimed_instance(ClaimAction.TERMINATE, 1),
        Terminate(),
        PermanentAwsError("OperationNotPermitted", "Protected."),
    ),
    "stop_overdue": lambda: decide_overdue_call(ClaimAction.STOP),
    "terminate_overdue": lambda: decide_overdue_call(ClaimAction.TERMINATE),
}
