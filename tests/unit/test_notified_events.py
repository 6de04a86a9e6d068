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
from chalicelib.aws.sns import Mail
from chalicelib.channels.webhook import Webhook
from chalicelib.control.deliver import Postman
from chalicelib.control.orphans import Orphanage
from chalicelib.control.reconcile import Reconciler
from chalicelib.control.watch import Watch
from chalicelib.domain import imaging, lifecycle
from chalicelib.domain.activity.evidence import Evidence, State
from chalicelib.domain.activity.heartbeat import Heartbeat, Leaving
from chalicelib.domain.activity.idle import ActivityCode, unknown
from chalicelib.domain.activity.policy import SIGNALS
from chalicelib.domain.channels import Channels
from chalicelib.domain.common.event_codes import Audience, EventCode, ReplayAction
from chalicelib.domain.desk import DeskSettings
from chalicelib.domain.errands import measure
from chalicelib.domain.errors import GiveUp, OverQuota
from chalicelib.domain.image_plan import AmiView, ImageSeen
from chalicelib.domain.images import ImagePhase
from chalicelib.domain.instance import (
    Action,
    Attempt,
    Claim,
    DocumentRun,
    Ec2State,
    Instance,
    Machine,
    Phase,
    Rates,
    ScheduledEvent,
    Setup,
)
from chalicelib.domain.lifecycle import Rules
from chalicelib.domain.lifecycle.rules import because
from chalicelib.domain.notices import AddressBook, Notice, notices_of
from chalicelib.domain.observation import (
    Absent,
    AgentView,
    CommandStatus,
    CommandView,
    Ec2View,
    Observation,
    StepView,
    Untagged,
)
from chalicelib.domain.plan import Entry, Launch, Launched, NoLongerIdle, Plan, Start, Stop, Terminate
from chalicelib.domain.recipes import DocumentUse
from chalicelib.domain.warned import Warned, WarningKind
from chalicelib.store import data_files
from chalicelib.store.desk import DeskStore
from chalicelib.store.instances import Instances
from chalicelib.store.notices import Notices
from local.clock import ManualClock
from tests.property.world import ADA, MACHINE_ID, MINUTE, START, VIEW
from tests.property.world import ready as plain_ready
from tests.unit.test_images import image

NAME = "famous-bunting"
NOW = START + timedelta(hours=1)
RULES = Rules(desk=DeskSettings(), heartbeat_table="t", heartbeat_region="r", instance_role_id="AROA")
GOLDEN = Path(__file__).parent.parent / "golden" / "benchmarks" / "h100_1.json"

MAIL = {Audience.OWNER: "ada@example.org", Audience.ADMIN: "admins@example.org"}
HOOK = {Audience.OWNER: "https://example.org/ada", Audience.ADMIN: "https://example.org/admins"}
BOOK = AddressBook(
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

Change = tuple[Instance, Sequence[Entry]]


# What happens: an instance, what was seen of it, and what gpudesk decides.


def running(**changes: Any) -> Instance:
    """An instance that is ready since an hour."""
    machine = Machine(instance_id=MACHINE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=START)
    facts: dict[str, Any] = {
        "machine": machine,
        "boot_id": "boot-1",
        "was_reached": True,
        "rates": Rates(instance=Decimal("0.526"), disk=Decimal("0.007"), address=Decimal("0.005")),
        **changes,
    }
    return replace(plain_ready(), name=NAME, **facts)


def launching(**changes: Any) -> Instance:
    """An instance without a machine so far."""
    return running(
        **{"phase": Phase.LAUNCHING, "machine": None, "life_began_at": None, "was_reached": False, **changes}
    )


def claimed(action: Action, minutes: int, **changes: Any) -> Instance:
    """An instance that gpudesk stops or terminates."""
    claim = Claim(action=action, at=NOW - minutes * MINUTE, reason=because(EventCode.IDLE, "It is idle."), **changes)
    phase = {Action.START: Phase.BOOTING, Action.STOP: Phase.STOPPING, Action.TERMINATE: Phase.TERMINATING}[action]
    return running(phase=phase, phase_since=claim.at, claim=claim)


def warned(kind: WarningKind) -> Warned:
    """A stop warning whose time has come."""
    return Warned(kind=kind, at=NOW - 5 * MINUTE, acts_at=NOW, sentence="It will be stopped.")


def heartbeat(state: State = State.QUIET, **facts: Any) -> Heartbeat:
    """A heartbeat of this minute, in which each signal has been in one state for an hour."""
    evidence = Evidence(
        state=state, since=START, at=NOW, samples=61, largest_gap=MINUTE, reason="as it is", boot_id="boot-1"
    )
    return Heartbeat(
        **{
            "instance_id": MACHINE_ID,
            "at": NOW,
            "signals": dict.fromkeys(SIGNALS, evidence),
            "boot_id": "boot-1",
            **facts,
        }
    )


def ec2(state: Ec2State) -> Ec2View:
    return replace(VIEW, state=state)


def decided(instance: Instance, **seen: Any) -> Change:
    """What one look at an instance leads to."""
    plan = lifecycle.decide(instance, Observation(**{"ec2": VIEW, **seen}), NOW, RULES)
    return plan.instance, plan.entries


def noted(instance: Instance, step: Any, outcome: Any) -> Change:
    """What the outcome of a call leads to."""
    plan: Plan = lifecycle.note(instance, step, outcome, NOW)
    return plan.instance, plan.entries


def attempt() -> Attempt:
    return Attempt(
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
    return noted(launching(attempt=attempt()), Launch(attempt()), error)


def setting_up(*, rerun: bool = False) -> Instance:
    """The last try of a document runs."""
    document = DocumentUse(name="gpudesk-jupyter", parameters={}, timeout=10 * MINUTE)
    run = DocumentRun(attempt_id="a", sent_at=NOW - MINUTE, called_at=NOW - MINUTE, command_id="c-1")
    setup = Setup(recipe="jupyter", documents=(document,), tries=2, run=run, further=rerun)
    return running(phase=Phase.SETTING_UP, phase_since=NOW - 10 * MINUTE, setup=setup)


def command(status: CommandStatus, output: str) -> CommandView:
    is_well = status is CommandStatus.SUCCEEDED
    step = StepView(
        name="install", status="Success" if is_well else "Failed", exit_code=0 if is_well else 1, output=output
    )
    return CommandView(command_id="c-1", status=status, detail=str(status), steps=(step,))


FAILED = command(CommandStatus.FAILED, "E: Unable to locate package libfoo")


def benchmark_ended(seen: CommandView) -> Change:
    spec = replace(running().spec, instance_type="p5.4xlarge", gpu="H100")
    asked = measure(running(spec=spec, version=7), data_files.catalogue(), None, ADA, NOW).instance
    assert asked.errand is not None
    run = DocumentRun(attempt_id=asked.errand.id, sent_at=NOW, called_at=NOW, command_id="c-1")
    return decided(replace(asked, errand=replace(asked.errand, run=run)), command=seen, heartbeat=heartbeat())


def image_ended(state: str) -> Change:
    ami = AmiView(ami_id="ami-1", state=state, snapshots=("snap-1",), size_gib=64, why="the disk is gone")
    pending = replace(image(ImagePhase.PENDING, created_at=NOW), instance_name=NAME)
    after = imaging.decide(pending, ImageSeen(ami=ami), NOW).image
    return running(), [imaging.completion(after, NOW)]


def adopted() -> Change:
    class Empty(Records):
        def load(self, id_or_name: str) -> Instance | None:
            return None

        def adopt(self, instance: Instance, entries: Iterable[Entry], notices: Iterable[Notice] = ()) -> bool:
            found.append((instance, [*entries]))
            return True

    found: list[Change] = []
    orphanage = Orphanage(Empty(running()), cast("Reconciler", None), data_files.catalogue())
    assert orphanage.take_in([replace(VIEW, name=NAME)], set(), RULES, NOW) == [MACHINE_ID]
    return found[0]


def overdue(action: Action) -> Change:
    return decided(claimed(action, 21, called_at=NOW))


def old(instance: Instance) -> Instance:
    """Its maximum lifetime is over."""
    return replace(instance, life_began_at=NOW - timedelta(hours=instance.spec.max_hours))


def no_agent(**changes: Any) -> Instance:
    """It runs for 13 minutes, and its SSM agent has never responded."""
    machine = Machine(instance_id=MACHINE_ID, zone="us-east-1a", state=Ec2State.RUNNING, launched_at=NOW - 13 * MINUTE)
    since = {"phase_since": machine.launched_at, "life_began_at": machine.launched_at}
    return running(**{"phase": Phase.BOOTING, "machine": machine, "was_reached": False, **since, **changes})


def booting(view_launched_at: datetime = NOW - 13 * MINUTE) -> dict[str, Any]:
    return {"ec2": replace(VIEW, launched_at=view_launched_at)}


EVENT = ScheduledEvent(id="e-1", code="instance-retirement", not_before=NOW + timedelta(days=2), description="old host")
ONLINE = AgentView(online=True, last_ping_at=NOW)

HAPPENS: Mapping[str, Callable[[], Change]] = {
    "ready": lambda: decided(no_agent(), agent=ONLINE, **booting()),
    "idle_warning": lambda: decided(running(), heartbeat=heartbeat()),
    "lifetime_warning": lambda: decided(old(running()), heartbeat=heartbeat(State.ACTIVE)),
    "failed_warning": lambda: decided(
        running(
            phase=Phase.FAILED, reason=because(EventCode.SETUP_FAILED, f"Setup of jupyter failed on {NAME}: no disk.")
        )
    ),
    "no_agent_warning": lambda: decided(no_agent(), **booting()),
    "warning_cancelled": lambda: decided(running(warned=warned(WarningKind.IDLE)), heartbeat=heartbeat(State.ACTIVE)),
    "stop_initiated": lambda: decided(running(warned=warned(WarningKind.IDLE)), heartbeat=heartbeat()),
    "stop_cancelled": lambda: noted(
        claimed(Action.STOP, 1, kind=WarningKind.IDLE), Stop(), NoLongerIdle(unknown("no heartbeat").reason)
    ),
    "terminate_initiated": lambda: decided(no_agent(warned=warned(WarningKind.NO_AGENT)), **booting()),
    "self_stopped": lambda: decided(
        running(), ec2=ec2(Ec2State.STOPPED), heartbeat=heartbeat(leaving=Leaving(acts_at=NOW, is_over=True))
    ),
    "stopped_externally": lambda: decided(running(), ec2=ec2(Ec2State.STOPPED)),
    "started_externally": lambda: decided(running(phase=Phase.STOPPED)),
    "terminated_externally": lambda: decided(running(), ec2=ec2(Ec2State.TERMINATED)),
    "rebooted": lambda: decided(running(), heartbeat=heartbeat(boot_id="boot-2")),
    "scheduled_event": lambda: decided(running(), scheduled=EVENT),
    "setup_failed": lambda: decided(setting_up(), command=FAILED, heartbeat=heartbeat()),
    "launch_refused": lambda: launch_failed(GiveUp("InvalidParameterValue", "Invalid value.")),
    "quota_exceeded": lambda: launch_failed(OverQuota("VcpuLimitExceeded", "You have requested more vCPU.")),
    "no_capacity": lambda: decided(launching(), ec2=Absent()),
    "no_answer": lambda: decided(launching(attempt=replace(attempt(), sent_at=START)), ec2=Absent()),
    "start_failed": lambda: noted(claimed(Action.START, 1), Start(), GiveUp("Unsupported", "Not here.")),
    "image_available": lambda: image_ended("available"),
    "image_failed": lambda: image_ended("failed"),
    "benchmark_done": lambda: benchmark_ended(command(CommandStatus.SUCCEEDED, GOLDEN.read_text(encoding="utf-8"))),
    "benchmark_failed": lambda: benchmark_ended(FAILED),
    "activity_unknown": lambda: decided(running(silent_since=NOW - 20 * MINUTE)),
    "tags_lost": lambda: decided(running(), ec2=Untagged(MACHINE_ID)),
    "instance_gone": lambda: decided(running(absent_since=NOW - timedelta(hours=3)), ec2=Absent()),
    "reappeared": lambda: noted(
        running(phase=Phase.TERMINATED, machine=None), Launch(attempt()), Launched(cast("Machine", running().machine))
    ),
    "adopted": adopted,
    "stop_refused": lambda: noted(claimed(Action.STOP, 1), Stop(), GiveUp("UnauthorizedOperation", "No.")),
    "terminate_refused": lambda: noted(
        claimed(Action.TERMINATE, 1), Terminate(), GiveUp("OperationNotPermitted", "Protected.")
    ),
    "stop_overdue": lambda: overdue(Action.STOP),
    "terminate_overdue": lambda: overdue(Action.TERMINATE),
}


# Where it arrives: stores in memory, the sender as it is, receivers that keep what they get.


class Records(Instances):
    """One record."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance

    def load(self, id_or_name: str) -> Instance | None:
        return self.instance

    def knows_machine(self, ec2_instance_id: str) -> bool:
        return False

    def write(self, before: Instance, after: Instance, *_: Any, **__: Any) -> Instance:
        self.instance = after
        return after


class Outbox(Notices):
    """Notifications that wait."""

    def __init__(self, notices: Iterable[Notice] = ()) -> None:
        self.waiting = {each.id: each for each in notices}

    def due(self, now: datetime, most: int) -> Iterator[Notice]:
        return iter([*self.waiting.values()])

    def put_new(self, notice: Notice) -> bool:
        return self.waiting.setdefault(notice.id, notice) is notice

    def save(self, notice: Notice) -> None:
        self.waiting[notice.id] = notice


class Marks(DeskStore):
    """What was done once; by default everybody has been welcomed."""

    def __init__(self, *, is_done: bool = True) -> None:
        self.is_done = is_done

    def is_marked(self, name: str) -> bool:
        return self.is_done

    def mark(self, name: str) -> None:
        pass

    def last_done(self, name: str) -> datetime | None:
        return NOW - 11 * MINUTE


class Mailbox(Mail):
    """Mails by address."""

    def __init__(self) -> None:
        super().__init__(Clients(), "")
        self.mails: dict[str, tuple[str, str]] = {}

    def send(self, address: str, subject: str, text: str) -> str:
        self.mails[address] = (subject, text)
        return "taken"


@dataclass(frozen=True)
class Hooks(Webhook):
    """Webhook messages by URL."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> str:
        self.messages[url] = json.loads(body)
        return "it answered 200"


@dataclass
class Arrived:
    """What was delivered."""

    mails: dict[str, tuple[str, str]]
    hooks: dict[str, dict[str, Any]]


def sender(instance: Instance, outbox: Outbox, marks: Marks) -> Postman:
    return Postman(
        notices=outbox,
        instances=Records(instance),
        desk=marks,
        mail=Mailbox(),
        webhook=Hooks(),
        secret=lambda name, number: "whsec_AAAA",
        clock=ManualClock(NOW),
    )


def arrived(postman: Postman) -> Arrived:
    assert isinstance(postman.mail, Mailbox)
    assert isinstance(postman.webhook, Hooks)
    return Arrived(postman.mail.mails, postman.webhook.messages)


def delivered(instance: Instance, entries: Sequence[Entry]) -> Arrived:
    """What reaches people of a change of an instance."""
    postman = sender(instance, Outbox(notices_of(instance, entries, BOOK)), Marks())
    postman.deliver(BOOK)
    return arrived(postman)


# The tests.


def test_every_notified_code_has_an_expectation_here() -> None:
    assert {str(code) for code in EventCode if code.audience} == {*EXPECTED, *OF_THE_DESK}
    assert EXPECTED.keys() == HAPPENS.keys()


@pytest.mark.parametrize("code", EXPECTED)
def test_event_reaches_its_audience_by_mail_and_webhook(code: str) -> None:
    audience, subject = EXPECTED[code]
    instance, entries = HAPPENS[code]()
    (line,) = [each for each in entries if each.code == code]
    found = delivered(instance, entries)
    assert found.mails.keys() == {MAIL[each] for each in audience}
    assert found.hooks.keys() == {HOOK[each] for each in audience}
    for mail_subject, text in found.mails.values():
        assert mail_subject == f"gpudesk: {NAME} {subject}"
        assert len(mail_subject) <= 100
        assert line.sentence in text
    for message in found.hooks.values():
        assert message["type"] == code
        assert message["timestamp"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
        assert message["data"]["message"] == line.sentence
        assert message["data"]["instance"] == {"id": instance.id, "name": NAME, "owner": "ada"}


@pytest.mark.parametrize("code", EXPECTED)
def test_message_names_its_instance_and_holds_no_raw_request(code: str) -> None:
    _, entries = HAPPENS[code]()
    (line,) = [each for each in entries if each.code == code]
    assert NAME in line.sentence
    assert not RAW_REQUEST.search(line.sentence)
    assert line.sentence.endswith(".")
    assert ".." not in line.sentence
    assert line.sentence.startswith(NAME) or line.sentence[0].isupper()
    assert not line.sentence.startswith("It ")


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


def test_ready_message_says_what_was_set_up_what_it_costs_when_it_stops_and_how_to_connect() -> None:
    (*_, line) = decided(setting_up(), command=command(CommandStatus.SUCCEEDED, "Installed."), heartbeat=heartbeat())[1]
    assert line.sentence == (
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
def test_ready_is_not_notified_when_an_instance_only_stays_or_is_ready_again(code: str) -> None:
    instance, entries = HAPPENS[code]()
    assert instance.phase is Phase.READY
    assert [each.code for each in entries] == [code]


def test_setup_that_fails_on_a_ready_instance_is_notified_without_a_stop() -> None:
    instance, entries = decided(setting_up(rerun=True), command=FAILED, heartbeat=heartbeat())
    assert (instance.phase, instance.warned) == (Phase.READY, None)
    found = delivered(instance, entries)
    assert found.mails[MAIL[Audience.OWNER]][0] == f"gpudesk: {NAME} could not be set up"
    assert "stays ready" in found.mails[MAIL[Audience.OWNER]][1]


def test_no_agent_warning_of_an_instance_with_a_disk_announces_a_stop() -> None:
    instance, entries = decided(no_agent(was_reached=True), **booting())
    subject, _ = delivered(instance, entries).mails[MAIL[Audience.ADMIN]]
    assert subject == f"gpudesk: {NAME} does not respond to SSM and will be stopped at 10:05 UTC"


def test_overdue_sweep_is_mailed_to_the_admins_without_a_name() -> None:
    postman = sender(running(), Outbox(), Marks())
    assert Watch(postman.desk, postman.notices, postman, ManualClock(NOW)).look(BOOK)
    found = arrived(postman)
    assert {address: subject for address, (subject, _) in found.mails.items()} == {
        MAIL[Audience.ADMIN]: "gpudesk: scheduled sweep has not completed for 10 minutes"
    }
    (message,) = found.hooks.values()
    assert message["type"] == "sweep_overdue"
    assert message["data"]["message"].startswith("The scheduled sweep has not completed since ")


def test_registered_webhook_gets_one_message_and_nobody_a_mail() -> None:
    postman = sender(running(), Outbox(), Marks(is_done=False))
    postman.deliver(BOOK)
    found = arrived(postman)
    assert found.mails == {}
    assert {url: message["type"] for url, message in found.hooks.items()} == dict.fromkeys(
        HOOK.values(), "webhook_registered"
    )


@pytest.mark.parametrize("name", ["x" * 90, "größte-maschine\n"])
def test_subject_is_at_most_100_characters_of_ascii_and_still_says_what_happened(name: str) -> None:
    instance, entries = HAPPENS["lifetime_warning"]()
    subject, _ = delivered(replace(instance, name=name), entries).mails[MAIL[Audience.OWNER]]
    assert len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()
    assert subject.endswith("reaches its maximum lifetime and will be stopped at 10:05 UTC")


def test_codes_of_the_probe_are_event_codes() -> None:
    assert {str(code) for code in ActivityCode} <= {str(code) for code in EventCode}


def test_replay_actions_stay_as_they_are() -> None:
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
