"""Every notified event code, end to end: the decision, its timeline entry, its notification, its mail and webhook."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from chalicelib.aws.clients import Clients
from chalicelib.aws.email import EmailTopic
from chalicelib.channels.webhook import WebhookSender
from chalicelib.control.loop.adopt_orphans import OrphanAdopter
from chalicelib.control.loop.notifications import NotificationSender
from chalicelib.control.loop.reconcile_instance import Reconciler
from chalicelib.control.loop.sweep_watchdog import SweepWatchdog
from chalicelib.domain.common.errors import PermanentAwsError, PrerequisiteMissing, QuotaExceeded
from chalicelib.domain.common.event_codes import Audience, EventCode, ReplayAction
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import TimelineEntry
from chalicelib.domain.desk.channels import ChannelDirectory, Channels
from chalicelib.domain.desk.settings import DeskSettings, OwnerSettings
from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat, SelfStopStatus
from chalicelib.domain.idle.policy import SIGNALS
from chalicelib.domain.idle.rule import ActivityCode, build_unknown_judgment
from chalicelib.domain.images import creation
from chalicelib.domain.images.plan import ImageObservation, ObservedAmi
from chalicelib.domain.images.record import ImagePhase
from chalicelib.domain.instances.billing import Billing, Rates
from chalicelib.domain.instances.claim import Claim, ClaimAction
from chalicelib.domain.instances.commands.start_benchmark import request_benchmark
from chalicelib.domain.instances.ec2_instance import Ec2Instance, Ec2State, ScheduledEvent
from chalicelib.domain.instances.launch_attempt import LaunchAttempt, LaunchState
from chalicelib.domain.instances.lifecycle import decide, outcomes
from chalicelib.domain.instances.lifecycle.plans import DecisionContext
from chalicelib.domain.instances.observation import (
    CommandStatus,
    NotVisible,
    Observation,
    ObservedAgent,
    ObservedCommand,
    ObservedInstance,
    TagsMissing,
)
from chalicelib.domain.instances.plan import InstanceLaunched, Launch, NoLongerIdle, Plan, Start, Stop, Terminate
from chalicelib.domain.instances.record import Instance, Lifetime, ObservedState, Phase
from chalicelib.domain.instances.warning import StopWarning, WarningType
from chalicelib.domain.notifications.build_notifications import build_notifications
from chalicelib.domain.notifications.notification import Notification
from chalicelib.domain.setup.recipe import RecipeDocument
from chalicelib.domain.setup.state import DocumentRun, SetupState
from chalicelib.domain.setup.step_output import StepOutput
from chalicelib.store import data_files
from chalicelib.store.desk import DeskRepository
from chalicelib.store.instances.items import RecordWrite
from chalicelib.store.instances.repository import InstanceRepository
from chalicelib.store.notifications import NotificationOutbox
from chalicelib.store.owners import OwnerRepository
from chalicelib.store.repositories import Repositories
from local.clock import ManualClock
from tests.property.world import ADA, INSTANCE_ID, MINUTE, START, VIEW
from tests.property.world import build_ready_instance as plain_ready
from tests.unit.images.test_creation import image

NAME = "famous-bunting"
NOW = START + timedelta(hours=1)
RULES = DecisionContext(desk=DeskSettings(), heartbeat_table="t", heartbeat_region="r", instance_role_id="AROA")
GOLDEN = Path(__file__).parents[2] / "golden" / "benchmarks" / "h100_1.json"

MAIL = {Audience.OWNER: "ada@example.org", Audience.ADMIN: "admins@example.org"}
HOOK = {Audience.OWNER: "https://example.org/ada", Audience.ADMIN: "https://example.org/admins"}
BOOK = ChannelDirectory(
    owners={"ada": Channels(email=MAIL[Audience.OWNER], webhook=HOOK[Audience.OWNER])},
    admin=Channels(email=MAIL[Audience.ADMIN], webhook=HOOK[Audience.ADMIN]),
)
RAW_REQUEST = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) /")

OWNER, ADMIN, BOTH = (Audience.OWNER,), (Audience.ADMIN,), (Audience.OWNER, Audience.ADMIN)
EXPECTED: Mapping[str, tuple[tuple[Audience, ...], str]] = {
    "ready": (OWNER, "is ready"),
    "idle_warning": (OWNER, "is idle and will be stopped at 10:05 UTC"),
    "lifetime_warning": (OWNER, "reaches its maximum lifetime and will be stopped at 10:05 UTC"),
    "failed_warning": (OWNER, "failed its setup and will be stopped at 10:05 UTC"),
    "no_agent_warning": (BOTH, "does not respond to SSM and will be terminated at 10:05 UTC"),
    "warning_cancelled": (OWNER, "keeps running: the stop warning no longer applies"),
    "stop_initiated": (OWNER, "is being stopped"),
    "stop_cancelled": (OWNER, "is in use again and was not stopped"),
    "terminate_initiated": (OWNER, "is being terminated"),
    "self_stopped": (BOTH, "stopped itself because gpudesk was unreachable"),
    "stopped_externally": (OWNER, "was stopped outside gpudesk"),
    "started_externally": (OWNER, "was started outside gpudesk"),
    "terminated_externally": (OWNER, "was terminated outside gpudesk"),
    "rebooted": (OWNER, "was rebooted outside gpudesk"),
    "scheduled_event": (BOTH, "has a scheduled AWS event"),
    "setup_failed": (OWNER, "could not be set up and will be stopped at 10:05 UTC"),
    "launch_refused": (OWNER, "could not be launched: AWS rejected the request"),
    "quota_exceeded": (OWNER, "could not be launched: AWS quota exceeded"),
    "no_capacity": (OWNER, "could not be launched: AWS has no capacity"),
    "no_answer": (OWNER, "could not be launched: AWS did not respond"),
    "start_failed": (OWNER, "could not be started"),
    "image_available": (OWNER, "image is ready to use"),
    "image_failed": (OWNER, "image could not be created"),
    "benchmark_done": (OWNER, "finished its benchmark"),
    "benchmark_failed": (OWNER, "could not finish its benchmark"),
    "activity_unknown": (BOTH, "cannot be monitored: its activity is unknown"),
    "tags_lost": (BOTH, "lost its gpudesk tags and is no longer managed"),
    "instance_gone": (BOTH, "is gone from EC2"),
    "reappeared": (BOTH, "still exists in EC2 and is being terminated"),
    "adopted": (ADMIN, "had no record and is now managed by gpudesk"),
    "stop_refused": (BOTH, "could not be stopped: AWS rejected the call"),
    "terminate_refused": (BOTH, "could not be terminated: AWS rejected the call"),
    "stop_overdue": (BOTH, "has not stopped for 20 minutes"),
    "terminate_overdue": (BOTH, "has not terminated for 20 minutes"),
}
"""Who is notified of what, and the subject of the mail, once more: as the table of the glossary has it."""

OF_THE_DESK = {"sweep_overdue", "webhook_registered"}
"""Codes that are not about an instance."""

Change = tuple[Instance, Sequence[TimelineEntry]]


# What happens: an instance, what was seen of it, and what gpudesk decides.


def running(**changes: Any) -> Instance:
    """An instance that is ready since an hour."""
    machine = Ec2Instance(instance_id=INSTANCE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=START)
    facts: dict[str, Any] = {
        "ec2_instance": machine,
        "observed": ObservedState(boot_id="boot-1", agent_seen=True),
        "billing": Billing(rates=Rates(instance=Decimal("0.526"), disk=Decimal("0.007"), address=Decimal("0.005"))),
        **changes,
    }
    return replace(plain_ready(), name=NAME, **facts)


def launching(**changes: Any) -> Instance:
    """An instance without a machine so far."""
    return running(
        **{
            "phase": Phase.LAUNCHING,
            "ec2_instance": None,
            "lifetime": Lifetime(),
            "observed": ObservedState(boot_id="boot-1"),
            **changes,
        }
    )


def claimed(action: ClaimAction, minutes: int, **changes: Any) -> Instance:
    """An instance that gpudesk stops or terminates."""
    claim = Claim(
        action=action,
        claimed_at=NOW - minutes * MINUTE,
        reason=EventReason(code=EventCode.IDLE, message="It is idle."),
        **changes,
    )
    phase = {
        ClaimAction.START: Phase.BOOTING,
        ClaimAction.STOP: Phase.STOPPING,
        ClaimAction.TERMINATE: Phase.TERMINATING,
    }[action]
    return running(phase=phase, phase_since=claim.claimed_at, claim=claim)


def warned(kind: WarningType) -> StopWarning:
    """A stop warning whose time has come."""
    return StopWarning(warning_type=kind, created_at=NOW - 5 * MINUTE, stop_at=NOW, message="It will be stopped.")


def heartbeat(state: SignalState = SignalState.QUIET, **facts: Any) -> Heartbeat:
    """A heartbeat of this minute, in which each signal has been in one state for an hour."""
    evidence = Evidence(
        state=state, since=START, at=NOW, samples=61, largest_gap=MINUTE, reason="as it is", boot_id="boot-1"
    )
    return Heartbeat(
        **{
            "instance_id": INSTANCE_ID,
            "at": NOW,
            "signals": dict.fromkeys(SIGNALS, evidence),
            "boot_id": "boot-1",
            **facts,
        }
    )


def ec2(state: Ec2State) -> ObservedInstance:
    return replace(VIEW, state=state)


def decided(instance: Instance, **observation: Any) -> Change:
    """What one look at an instance leads to."""
    plan = decide.decide(instance, Observation(**{"ec2": VIEW, **observation}), NOW, RULES)
    return plan.instance, plan.timeline


def noted(instance: Instance, step: Any, outcome: Any) -> Change:
    """What the outcome of a call leads to."""
    plan: Plan = outcomes.record_outcome(instance, step, outcome, NOW)
    return plan.instance, plan.timeline


def attempt() -> LaunchAttempt:
    return LaunchAttempt(
        number=1,
        token="t",
        region="us-east-1",
        zone="us-east-1a",
        subnet_id="subnet-1",
        security_group_id="sg-1",
        image_id="ami-1",
        root_device="/dev/sda1",
        disk_gib=64,
        instance_type="g4dn.xlarge",
        instance_profile="gpudesk",
        public_address=True,
        tags={},
    )


def launch_failed(error: Exception) -> Change:
    return noted(launching(launch=LaunchState(attempt=attempt())), Launch(attempt()), error)


def setting_up(*, rerun: bool = False) -> Instance:
    """The last try of a document runs."""
    document = RecipeDocument(name="gpudesk-jupyter", parameters={}, timeout=10 * MINUTE)
    run = DocumentRun(attempt_id="a", sent_at=NOW - MINUTE, last_sent_at=NOW - MINUTE, command_id="c-1")
    setup = SetupState(recipe="jupyter", documents=(document,), attempts=2, current_run=run, on_running_instance=rerun)
    return running(phase=Phase.SETTING_UP, phase_since=NOW - 10 * MINUTE, setup=setup)


def command(status: CommandStatus, output: str) -> ObservedCommand:
    is_well = status is CommandStatus.SUCCEEDED
    step = StepOutput(
        name="install", status="Success" if is_well else "Failed", exit_code=0 if is_well else 1, output=output
    )
    return ObservedCommand(command_id="c-1", status=status, status_details=str(status), steps=(step,))


FAILED = command(CommandStatus.FAILED, "E: Unable to locate package libfoo")


def benchmark_ended(observation: ObservedCommand) -> Change:
    spec = replace(running().spec, hardware=replace(running().spec.hardware, instance_type="p5.4xlarge", gpu="H100"))
    asked = request_benchmark(running(spec=spec, version=7), data_files.load_catalog(), None, ADA, NOW).instance
    assert asked.benchmark_run is not None
    run = DocumentRun(attempt_id=asked.benchmark_run.id, sent_at=NOW, last_sent_at=NOW, command_id="c-1")
    return decided(
        replace(asked, benchmark_run=replace(asked.benchmark_run, run=run)), command=observation, heartbeat=heartbeat()
    )


def image_ended(state: str) -> Change:
    ami = ObservedAmi(
        ami_id="ami-1", state=state, snapshots=("snap-1",), size_gib=64, failure_reason="the disk is gone"
    )
    pending = replace(
        image(ImagePhase.PENDING, created_at=NOW),
        source=replace(image(ImagePhase.PENDING, created_at=NOW).source, instance_name=NAME),
    )
    after = creation.decide(pending, ImageObservation(ami=ami), NOW).image
    return running(), [creation.build_completion_entry(after, NOW)]


def adopted() -> Change:
    class Empty(Records):
        def load(self, id_or_name: str) -> Instance | None:
            return None

        def adopt(
            self, instance: Instance, entries: Iterable[TimelineEntry], notices: Iterable[Notification] = ()
        ) -> bool:
            found.append((instance, [*entries]))
            return True

    found: list[Change] = []
    orphanage = OrphanAdopter(Empty(running()), cast("Reconciler", None), data_files.load_catalog())
    assert orphanage.adopt_all([replace(VIEW, name=NAME)], set(), RULES, NOW) == [INSTANCE_ID]
    return found[0]


def overdue(action: ClaimAction) -> Change:
    return decided(claimed(action, 21, last_called_at=NOW))


def old(instance: Instance) -> Instance:
    """Its maximum lifetime is over."""
    return replace(
        instance, lifetime=replace(instance.lifetime, started_at=NOW - timedelta(hours=instance.spec.policy.max_hours))
    )


def no_agent(**changes: Any) -> Instance:
    """It runs for 13 minutes, and its SSM agent has never responded."""
    machine = Ec2Instance(
        instance_id=INSTANCE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=NOW - 13 * MINUTE
    )
    since = {"phase_since": machine.launched_at, "lifetime": Lifetime(started_at=machine.launched_at)}
    return running(
        **{
            "phase": Phase.BOOTING,
            "ec2_instance": machine,
            "observed": ObservedState(boot_id="boot-1"),
            **since,
            **changes,
        }
    )


def booting(view_launched_at: datetime = NOW - 13 * MINUTE) -> dict[str, Any]:
    return {"ec2": replace(VIEW, launched_at=view_launched_at)}


EVENT = ScheduledEvent(id="e-1", code="instance-retirement", not_before=NOW + timedelta(days=2), description="old host")
ONLINE = ObservedAgent(online=True, last_ping_at=NOW)

HAPPENS: Mapping[str, Callable[[], Change]] = {
    "ready": lambda: decided(no_agent(), agent=ONLINE, **booting()),
    "idle_warning": lambda: decided(running(), heartbeat=heartbeat()),
    "lifetime_warning": lambda: decided(old(running()), heartbeat=heartbeat(SignalState.ACTIVE)),
    "failed_warning": lambda: decided(
        running(
            phase=Phase.FAILED,
            reason=EventReason(code=EventCode.SETUP_FAILED, message=f"Setup of jupyter failed on {NAME}: no disk."),
        )
    ),
    "no_agent_warning": lambda: decided(no_agent(), **booting()),
    "warning_cancelled": lambda: decided(
        running(warning=warned(WarningType.IDLE)), heartbeat=heartbeat(SignalState.ACTIVE)
    ),
    "stop_initiated": lambda: decided(running(warning=warned(WarningType.IDLE)), heartbeat=heartbeat()),
    "stop_cancelled": lambda: noted(
        claimed(ClaimAction.STOP, 1, warning_type=WarningType.IDLE),
        Stop(),
        NoLongerIdle(build_unknown_judgment("no heartbeat").reason),
    ),
    "terminate_initiated": lambda: decided(no_agent(warning=warned(WarningType.NO_AGENT)), **booting()),
    "self_stopped": lambda: decided(
        running(),
        ec2=ec2(Ec2State.STOPPED),
        heartbeat=heartbeat(self_stop=SelfStopStatus(stop_at=NOW, stopping_now=True)),
    ),
    "stopped_externally": lambda: decided(running(), ec2=ec2(Ec2State.STOPPED)),
    "started_externally": lambda: decided(running(phase=Phase.STOPPED)),
    "terminated_externally": lambda: decided(running(), ec2=ec2(Ec2State.TERMINATED)),
    "rebooted": lambda: decided(running(), heartbeat=heartbeat(boot_id="boot-2")),
    "scheduled_event": lambda: decided(running(), scheduled_event=EVENT),
    "setup_failed": lambda: decided(setting_up(), command=FAILED, heartbeat=heartbeat()),
    "launch_refused": lambda: launch_failed(PermanentAwsError("InvalidParameterValue", "Invalid value.")),
    "quota_exceeded": lambda: launch_failed(QuotaExceeded("VcpuLimitExceeded", "You have requested more vCPU.")),
    "no_capacity": lambda: decided(launching(), ec2=NotVisible()),
    "no_answer": lambda: decided(
        launching(launch=LaunchState(attempt=replace(attempt(), sent_at=START))), ec2=NotVisible()
    ),
    "start_failed": lambda: noted(
        claimed(ClaimAction.START, 1), Start(), PermanentAwsError("Unsupported", "Not here.")
    ),
    "image_available": lambda: image_ended("available"),
    "image_failed": lambda: image_ended("failed"),
    "benchmark_done": lambda: benchmark_ended(command(CommandStatus.SUCCEEDED, GOLDEN.read_text(encoding="utf-8"))),
    "benchmark_failed": lambda: benchmark_ended(FAILED),
    "activity_unknown": lambda: decided(
        running(observed=ObservedState(boot_id="boot-1", agent_seen=True, activity_unknown_since=NOW - 20 * MINUTE))
    ),
    "tags_lost": lambda: decided(running(), ec2=TagsMissing(INSTANCE_ID)),
    "instance_gone": lambda: decided(
        running(observed=ObservedState(boot_id="boot-1", agent_seen=True, not_visible_since=NOW - timedelta(hours=3))),
        ec2=NotVisible(),
    ),
    "reappeared": lambda: noted(
        running(phase=Phase.TERMINATED, ec2_instance=None),
        Launch(attempt()),
        InstanceLaunched(cast("Ec2Instance", running().ec2_instance)),
    ),
    "adopted": adopted,
    "stop_refused": lambda: noted(
        claimed(ClaimAction.STOP, 1), Stop(), PermanentAwsError("UnauthorizedOperation", "No.")
    ),
    "terminate_refused": lambda: noted(
        claimed(ClaimAction.TERMINATE, 1), Terminate(), PermanentAwsError("OperationNotPermitted", "Protected.")
    ),
    "stop_overdue": lambda: overdue(ClaimAction.STOP),
    "terminate_overdue": lambda: overdue(ClaimAction.TERMINATE),
}


# Where it arrives: stores in memory, the sender as it is, receivers that keep what they get.


class Records(InstanceRepository):
    """One record."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def load(self, id_or_name: str) -> Instance | None:
        return self.instance

    def exists_for_ec2_id(self, ec2_instance_id: str) -> bool:
        return False

    def write(self, write: RecordWrite) -> Instance:
        self.instance = write.after
        return write.after


class Outbox(NotificationOutbox):
    """Notifications that wait."""

    def __init__(self, notices: Iterable[Notification] = ()) -> None:
        self.waiting = {notice.id: notice for notice in notices}

    def list_due(self, now: datetime, most: int) -> Iterator[Notification]:
        return iter([*self.waiting.values()])

    def put_if_absent(self, notice: Notification) -> bool:
        return self.waiting.setdefault(notice.id, notice) is notice

    def save(self, notice: Notification) -> None:
        self.waiting[notice.id] = notice


class Marks(DeskRepository):
    """What was done once; by default everybody has been welcomed."""

    def __init__(self, *, is_done: bool = True) -> None:
        self._is_done = is_done

    def is_done(self, name: str) -> bool:
        return self._is_done

    def mark_done(self, name: str) -> None:
        pass

    def get_last_completed_at(self, name: str) -> datetime | None:
        return NOW - 11 * MINUTE

    def get_settings(self) -> DeskSettings:
        return DeskSettings(channels=BOOK.admin)


class Owners(OwnerRepository):
    """The settings of the owners in `BOOK`."""

    def list_all(self) -> dict[str, OwnerSettings]:
        return {owner: OwnerSettings(owner=owner, channels=channels) for owner, channels in BOOK.owners.items()}


class Mailbox(EmailTopic):
    """Mails by address."""

    def __init__(self) -> None:
        super().__init__(Clients(), "")
        self.mails: dict[str, tuple[str, str]] = {}

    def send(self, address: str, subject: str, text: str) -> str:
        self.mails[address] = (subject, text)
        return "taken"


@dataclass(frozen=True)
class Hooks(WebhookSender):
    """Webhook messages by URL."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> str:
        self.messages[url] = json.loads(body)
        return "The receiver responded with status 200."


@dataclass
class Arrived:
    """What was delivered."""

    mails: dict[str, tuple[str, str]]
    hooks: dict[str, dict[str, Any]]


def sender(instance: Instance, outbox: Outbox, marks: Marks) -> NotificationSender:
    return NotificationSender(
        stores=Repositories(instances=Records(instance), desk=marks, owners=Owners(), notifications=outbox),
        email=Mailbox(),
        webhook=Hooks(),
        get_webhook_secret=lambda name, number: "whsec_AAAA",
        clock=ManualClock(NOW),
    )


def arrived(notifications: NotificationSender) -> Arrived:
    assert isinstance(notifications.email, Mailbox)
    assert isinstance(notifications.webhook, Hooks)
    return Arrived(notifications.email.mails, notifications.webhook.messages)


def delivered(instance: Instance, entries: Sequence[TimelineEntry]) -> Arrived:
    """What reaches people of a change of an instance."""
    notifications = sender(instance, Outbox(build_notifications(instance, entries, BOOK)), Marks())
    notifications.send_due(BOOK)
    return arrived(notifications)


# The tests.


def test_every_notified_code_has_an_expectation() -> None:
    assert {str(code) for code in EventCode if code.audience} == {*EXPECTED, *OF_THE_DESK}
    assert EXPECTED.keys() == HAPPENS.keys()


@pytest.mark.parametrize("code", EXPECTED)
def test_event_reaches_its_audience_by_mail_and_webhook(code: str) -> None:
    audience, subject = EXPECTED[code]
    instance, entries = HAPPENS[code]()
    (line,) = [entry for entry in entries if entry.code == code]
    found = delivered(instance, entries)
    assert found.mails.keys() == {MAIL[each] for each in audience}
    assert found.hooks.keys() == {HOOK[each] for each in audience}
    for mail_subject, text in found.mails.values():
        assert mail_subject == f"gpudesk: {NAME} {subject}"
        assert len(mail_subject) <= 100
        assert line.message in text
    for message in found.hooks.values():
        assert message["type"] == code
        assert message["timestamp"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
        assert message["data"]["message"] == line.message
        assert message["data"]["instance"] == {"id": instance.id, "name": NAME, "owner": "ada"}


@pytest.mark.parametrize("code", EXPECTED)
def test_message_names_its_instance_and_contains_no_raw_request(code: str) -> None:
    _, entries = HAPPENS[code]()
    (line,) = [entry for entry in entries if entry.code == code]
    assert NAME in line.message
    assert not RAW_REQUEST.search(line.message)
    assert line.message.endswith(".")
    assert ".." not in line.message
    assert line.message.startswith(NAME) or line.message[0].isupper()
    assert not line.message.startswith("It ")


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        ("idle_warning", {"keep": "POST /instances/gd-1/keep"}),
        ("lifetime_warning", {"keep": "POST /instances/gd-1/keep"}),
        ("setup_failed", {"keep": "POST /instances/gd-1/keep", "setup": "POST /instances/gd-1/setup"}),
        ("start_failed", {"start": "POST /instances/gd-1/start"}),
        ("stop_initiated", {"start": "POST /instances/gd-1/start"}),
        ("self_stopped", {"start": "POST /instances/gd-1/start"}),
        ("image_failed", {"delete_image": "DELETE /images/gi-1"}),
        ("ready", {"connect": "GET /instances/gd-1/connect"}),
    ],
)
def test_suggested_requests_are_in_webhook_data_and_in_the_last_lines_of_the_mail(
    code: str, calls: dict[str, str]
) -> None:
    found = delivered(*HAPPENS[code]())
    data = found.hooks[HOOK[Audience.OWNER]]["data"]
    assert {name: f"{data[name]['method']} {data[name]['path']}" for name in calls} == calls
    text = found.mails[MAIL[Audience.OWNER]][1]
    last = text.rstrip("\n").split("\n")[-len(calls) :]
    assert [line.partition(" {")[0] for line in last] == [f"API: {call}" for call in calls.values()]
    assert text.count("API: ") == len(calls)


def test_ready_message_names_recipe_cost_stop_times_and_connection() -> None:
    (*_, line) = decided(setting_up(), command=command(CommandStatus.SUCCEEDED, "Installed."), heartbeat=heartbeat())[1]
    assert line.message == (
        f"{NAME} is ready. Recipe jupyter was set up in 600 s, no reboot, 10 bytes of output. It costs $0.538 per "
        "hour. When it has been idle for 10 minutes, gpudesk sends a warning and stops it 5 minutes later. It is "
        "stopped at 2026-01-08 09:00 UTC at the latest. To connect, press Connect or run gpudesk-session "
        f"{NAME} on your computer."
    )


@pytest.mark.parametrize("rerun", [False, True], ids=["launch", "requested setup"])
def test_ready_is_notified_after_a_setup(rerun: bool) -> None:
    instance, entries = decided(
        setting_up(rerun=rerun), command=command(CommandStatus.SUCCEEDED, ""), heartbeat=heartbeat()
    )
    assert instance.phase is Phase.READY
    assert delivered(instance, entries).hooks[HOOK[Audience.OWNER]]["type"] == "ready"


@pytest.mark.parametrize("code", ["adopted", "stop_cancelled", "image_available", "image_failed", "benchmark_done"])
def test_ready_is_not_notified_when_an_instance_stays_or_becomes_ready_again(code: str) -> None:
    instance, entries = HAPPENS[code]()
    assert instance.phase is Phase.READY
    assert [entry.code for entry in entries] == [code]


def test_setup_that_fails_on_a_ready_instance_is_notified_without_a_stop() -> None:
    instance, entries = decided(setting_up(rerun=True), command=FAILED, heartbeat=heartbeat())
    assert (instance.phase, instance.warning) == (Phase.READY, None)
    found = delivered(instance, entries)
    assert found.mails[MAIL[Audience.OWNER]][0] == f"gpudesk: {NAME} could not be set up"
    assert "stays ready" in found.mails[MAIL[Audience.OWNER]][1]


def test_no_agent_warning_of_an_instance_with_a_disk_announces_a_stop() -> None:
    instance, entries = decided(no_agent(observed=ObservedState(boot_id="boot-1", agent_seen=True)), **booting())
    subject, _ = delivered(instance, entries).mails[MAIL[Audience.ADMIN]]
    assert subject == f"gpudesk: {NAME} does not respond to SSM and will be stopped at 10:05 UTC"


def test_launch_without_a_prerequisite_is_rejected_by_gpudesk_not_by_aws() -> None:
    instance, entries = launch_failed(PrerequisiteMissing("gpudesk is not set up in us-east-1"))
    subject, text = delivered(instance, entries).mails[MAIL[Audience.OWNER]]
    assert subject == f"gpudesk: {NAME} could not be launched: gpudesk rejected the request"
    assert f"{NAME} could not be launched. gpudesk is not set up in us-east-1. Nothing was launched." in text


def test_overdue_sweep_is_mailed_to_the_admins_without_a_name() -> None:
    notifications = sender(running(), Outbox(), Marks())
    assert SweepWatchdog(notifications.stores, notifications, ManualClock(NOW)).check()
    found = arrived(notifications)
    assert {address: subject for address, (subject, _) in found.mails.items()} == {
        MAIL[Audience.ADMIN]: "gpudesk: scheduled sweep has not completed for 10 minutes"
    }
    (message,) = found.hooks.values()
    assert message["type"] == "sweep_overdue"
    assert message["data"]["message"].startswith("The scheduled sweep has not completed since ")


def test_registered_webhook_gets_one_message_and_no_mail_is_sent() -> None:
    notifications = sender(running(), Outbox(), Marks(is_done=False))
    notifications.send_due(BOOK)
    found = arrived(notifications)
    assert found.mails == {}
    assert {url: message["type"] for url, message in found.hooks.items()} == dict.fromkeys(
        HOOK.values(), "webhook_registered"
    )


@pytest.mark.parametrize("name", ["x" * 90, "größte-maschine\n"])
def test_subject_is_at_most_100_ascii_characters_and_names_the_event(name: str) -> None:
    instance, entries = HAPPENS["lifetime_warning"]()
    subject, _ = delivered(replace(instance, name=name), entries).mails[MAIL[Audience.OWNER]]
    assert len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()
    assert subject.endswith("reaches its maximum lifetime and will be stopped at 10:05 UTC")


def test_codes_of_the_probe_are_event_codes() -> None:
    assert {str(code) for code in ActivityCode} <= {str(code) for code in EventCode}


def test_replay_actions_of_event_codes_are_stable() -> None:
    assert {str(code): str(code.replay_action) for code in EventCode if code.replay_action} == {
        "idle_warning": "warn",
        "lifetime_warning": "warn",
        "warning_cancelled": "withdraw",
        "stop_initiated": "stop",
        "activity_unknown": "report_silence",
    }
    assert {code.replay_action for code in EventCode} - {None} == set(ReplayAction)


@pytest.mark.parametrize(
    "values",
    [("code",), ("code", (Audience.OWNER,)), ("code", (), "has a subject that nobody reads")],
    ids=["no audience", "no subject", "no audience for the subject"],
)
def test_incomplete_code_fails_when_it_is_defined(values: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        EventCode.__new_member__(EventCode, *values)  # type: ignore[attr-defined]
