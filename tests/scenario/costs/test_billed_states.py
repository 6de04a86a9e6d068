"""Walks the table of docs/billing.md on the local cloud: every state in which an instance costs money.

A function brings an instance into the state; then minutes pass. The test reads from the table by when the instance must
have stopped, and by when people must have been notified.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from chalicelib.control.loop.sweep import Sweep
from chalicelib.control.loop.sweep_report import SweepReport
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.desk.settings import Mode
from chalicelib.domain.idle.evidence import SignalState
from chalicelib.domain.instances.commands.stop_start import warn_of_mode
from chalicelib.domain.instances.record import Phase
from chalicelib.domain.launch.move_target import MoveRequest
from chalicelib.store.instances.table import InstanceModel
from chalicelib.store.unreadable_item import UnreadableItem
from local.machines.errors import MachineHalted
from local.machines.host.simulated import SimulatedMachines
from tests.scenario.costs.billing_page import BilledState, read_billed_states
from tests.support.images import create_image
from tests.support.world import ADA, ADMIN, MINUTE, World, get_ec2_id, open_world

FAILING_STEP = (1, "", "E: Unable to locate package libfoo\n")
ALWAYS = 10_000
DAY = 24 * 60 * MINUTE
SWEPT_MINUTES = 3
"""Sweeps at the beginning and before each time of the table. The others would change nothing, and take most of the
time. If gpudesk acts in time with these sweeps, it does so with one each minute, too."""


@pytest.fixture
def desk() -> Iterator[World]:
    with open_world(machines=SimulatedMachines()) as made:
        yield made


def leave_idle(desk: World) -> str:
    return desk.launch_until_ready().id


def use_too_long(desk: World) -> str:
    desk.activity["gpu"] = SignalState.ACTIVE
    return desk.launch_until_ready(max_hours=2).id


def silence_probe(desk: World) -> str:
    instance = desk.launch_until_ready(max_hours=2)
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    return instance.id


def lose_launch_response(desk: World) -> str:
    desk.cloud.faults.drop_response("RunInstances")
    return desk.launch().id


def silence_agent_of_launch(desk: World) -> str:
    desk.cloud.agents.silence()
    return desk.wait_for_phase(desk.launch(), Phase.BOOTING).id


def silence_agent_of_start(desk: World) -> str:
    instance = desk.launch_until_stopped()
    desk.cloud.agents.silence(get_ec2_id(instance))
    desk.send_heartbeats = lambda: None  # type: ignore[method-assign]
    desk.application.instances.start(ADA, instance.id)
    return desk.wait_for_phase(instance, Phase.BOOTING).id


def fail_setup(desk: World) -> str:
    assert isinstance(desk.cloud.machines, SimulatedMachines)
    desk.cloud.machines.outcomes["install"] = [FAILING_STEP] * 3
    return desk.wait_for_phase(desk.launch(), Phase.FAILED).id


def end_launch(desk: World) -> str:
    desk.cloud.faults.end_launch("Client.InternalError")
    return desk.launch().id


def silence_agent_of_bare_metal(desk: World) -> str:
    desk.cloud.agents.silence()
    return desk.wait_for_phase(desk.launch(gpu=None, instance_type="g4dn.metal"), Phase.BOOTING).id


def hang_setup(desk: World) -> str:
    desk.cloud.faults.refresh_snap(times=3)
    return desk.wait_for_phase(desk.launch(), Phase.SETTING_UP).id


def refuse_commands(desk: World) -> str:
    instance = desk.launch()
    desk.cloud.faults.inject("SendCommand", "ThrottlingException", times=ALWAYS)
    return desk.wait_for_phase(instance, Phase.SETTING_UP).id


def deliver_no_command(desk: World) -> str:
    desk.cloud.faults.make_undeliverable(times=3)
    return desk.wait_for_phase(desk.launch(), Phase.SETTING_UP).id


def interrupt_setup(desk: World) -> str:
    assert isinstance(desk.cloud.machines, SimulatedMachines)
    desk.cloud.machines.outcomes["install"] = [MachineHalted("It went down.") for _ in range(3)]
    return desk.wait_for_phase(desk.launch(), Phase.SETTING_UP).id


def end_each_launch(desk: World) -> str:
    desk.cloud.faults.end_launch("Server.InsufficientInstanceCapacity", times=ALWAYS)
    return desk.launch().id


def refuse_start(desk: World) -> str:
    instance = desk.launch_until_stopped()
    desk.cloud.faults.inject("StartInstances", "InsufficientInstanceCapacity", times=ALWAYS)
    return desk.application.instances.start(ADA, instance.id).id


def end_each_start(desk: World) -> str:
    instance = desk.launch_until_stopped()
    desk.cloud.faults.end_launch("Client.InternalError", "StartInstances", times=ALWAYS)
    return desk.application.instances.start(ADA, instance.id).id


def hang_benchmark(desk: World) -> str:
    instance = desk.launch_until_ready()
    desk.cloud.faults.refresh_snap()
    return desk.application.benchmarks.start(ADA, instance.id, seconds=None).id


def hang_image(desk: World) -> str:
    instance = desk.launch_until_ready()
    desk.cloud.faults.inject("CreateImage", "InternalError", "no", status=500, times=ALWAYS)
    create_image(desk, instance)
    return instance.id


def hang_move(desk: World) -> str:
    instance = desk.launch_until_stopped()
    desk.cloud.faults.inject("CreateImage", "InternalError", "no", status=500, times=ALWAYS)
    return desk.application.moves.request(ADA, instance.id, MoveRequest())[0].id


def terminate_during_image(desk: World) -> str:
    instance_id = hang_image(desk)
    desk.pass_minutes()
    return desk.application.instances.terminate(ADA, instance_id).id


def keep_ready(desk: World) -> str:
    instance = desk.launch_until_ready()
    return desk.application.instances.keep(ADA, instance.id, hours=2, until=None).id


def deliver_no_warning(desk: World) -> str:
    desk.set_email("ada", "ada@example.org")
    desk.pass_minutes()
    desk.confirm_email("ada@example.org")
    instance = desk.launch_until_ready()
    desk.cloud.faults.inject("Publish", "InternalError", "no", status=500, times=ALWAYS)
    return instance.id


def refuse_descriptions(desk: World) -> str:
    instance = desk.launch_until_ready()
    desk.cloud.faults.inject("DescribeInstances", "UnauthorizedOperation", "no", status=403, times=ALWAYS)
    return instance.id


def end_sweeps(desk: World) -> str:
    class NoSweep(Sweep):
        def run(self, seconds_left: float | None = None) -> SweepReport:
            return SweepReport(is_skipped=True)

    instance = desk.launch_until_ready()
    desk.application = replace(desk.application, sweep=NoSweep(**vars(desk.application.sweep)))
    return instance.id


def change_type(desk: World) -> str:
    instance = desk.launch_until_stopped()
    ec2_id = get_ec2_id(instance)
    desk.ec2.modify_instance_attribute(InstanceId=ec2_id, InstanceType={"Value": "g4dn.2xlarge"})
    desk.ec2.start_instances(InstanceIds=[ec2_id])
    desk.boot_id = "boot-2"
    return instance.id


def change_to_unknown_type(desk: World) -> str:
    """Change to a type without a GPU, whose probe reads no GPU."""
    instance = desk.launch_until_stopped(max_hours=2)
    ec2_id = get_ec2_id(instance)
    desk.ec2.modify_instance_attribute(InstanceId=ec2_id, InstanceType={"Value": "m5n.large"})
    desk.ec2.start_instances(InstanceIds=[ec2_id])
    desk.boot_id = "boot-2"
    desk.activity = {**desk.activity, "gpu": None}
    return instance.id


def keep_failed(desk: World) -> str:
    instance_id = fail_setup(desk)
    desk.application.instances.keep(ADA, instance_id, hours=2, until=None)
    return instance_id


def request_stop(desk: World) -> str:
    instance = desk.launch_until_ready()
    desk.application.instances.stop(ADA, instance.id)
    return instance.id


def request_termination(desk: World) -> str:
    instance = desk.launch_until_ready()
    desk.application.instances.terminate(ADA, instance.id)
    return instance.id


def stop_without_effect(desk: World) -> str:
    desk.cloud.faults.acknowledge_only("StopInstances", times=ALWAYS)
    return request_stop(desk)


def break_record(desk: World) -> str:
    desk.application.desk.update(ADMIN, channels={"email": "root@example.org"})
    instance = desk.launch_until_ready()
    item = InstanceModel.get(instance.id)
    item.record = json.dumps({"id": instance.id})
    item.save()
    return instance.id


def reject_stop(desk: World) -> str:
    desk.cloud.faults.inject("StopInstances", "UnauthorizedOperation", "no", status=403, times=ALWAYS)
    return request_stop(desk)


def terminate_without_effect(desk: World) -> str:
    desk.cloud.faults.acknowledge_only("TerminateInstances", times=ALWAYS)
    return request_termination(desk)


def reject_termination(desk: World) -> str:
    desk.cloud.faults.inject("TerminateInstances", "OperationNotPermitted", "no", status=400, times=ALWAYS)
    return request_termination(desk)


def start_externally(desk: World) -> str:
    instance = desk.launch_until_stopped()
    desk.ec2.start_instances(InstanceIds=[get_ec2_id(instance)])
    desk.boot_id = "boot-2"
    return instance.id


def lose_record(desk: World) -> str:
    tags = {"gpudesk:id": "gd-lost", "gpudesk:stage": "dev", "gpudesk:owner": "ada"}
    tag_list: list[Any] = [{"Key": key, "Value": value} for key, value in tags.items()]
    desk.ec2.run_instances(
        ImageId=desk.get_public_image(),
        InstanceType="t3.large",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tag_list}],
    )
    return tags["gpudesk:id"]


def adopt_instance(desk: World) -> str:
    store = desk.application.reconciler.stores.desk
    settings = store.get_settings()
    limits, defaults = replace(settings.limits, keep_hours=2), replace(settings.defaults, max_hours=2)
    store.save_settings(replace(settings, limits=limits, defaults=defaults))
    launched = desk.ec2.run_instances(ImageId=desk.get_public_image(), InstanceType="g5.xlarge", MinCount=1, MaxCount=1)
    ec2_id = launched["Instances"][0]["InstanceId"]
    desk.ec2.create_tags(Resources=[ec2_id], Tags=[{"Key": "gpudesk:adopt", "Value": "dev"}])
    desk.application.foreign.request_adoption(ADMIN, ec2_id, "us-east-1", "ada")
    (adoption,) = desk.application.adoption_tagger.run()
    return adoption.record_id


def lose_tags(desk: World) -> str:
    instance = desk.launch_until_ready()
    desk.clock.advance(10 * MINUTE)  # EC2 may not show a new instance before
    desk.ec2.delete_tags(Resources=[get_ec2_id(instance)], Tags=[{"Key": "gpudesk:stage"}])
    return instance.id


def run_dry(desk: World) -> str:
    desk.application.desk.update(ADMIN, mode=Mode.DRY_RUN)
    launched = desk.request_launch()
    assert "dry_run" in [warning.code for warning in launched.warnings]
    return desk.wait_for_phase(launched.instance, Phase.READY).id


def stay_stopped(desk: World) -> str:
    return desk.launch_until_stopped().id


def pause(desk: World) -> str:
    instance = desk.launch_until_ready()
    desk.application.desk.update(ADMIN, mode=Mode.PAUSED)
    warning = warn_of_mode(desk.application.instances.stop(ADA, instance.id), Mode.PAUSED)
    assert warning is not None
    assert warning.code == "desk_paused"
    return instance.id


BUILDERS: Mapping[str, Callable[[World], str]] = {
    "nobody uses the instance": leave_idle,
    "it is used for longer than `max_hours` (here 2)": use_too_long,
    "no heartbeat arrives (here `max_hours` is 2)": silence_probe,
    "somebody keeps it (here for 2 hours)": keep_ready,
    "the warning cannot be delivered to anybody": deliver_no_warning,
    "a benchmark hangs until its time limit (30 min)": hang_benchmark,
    "the creation of an image does not end": hang_image,
    "a termination waits for such an image": terminate_during_image,
    "EC2 rejects the calls that describe the instances of a region": refuse_descriptions,
    "the sweep does not run": end_sweeps,
    "the response to RunInstances was lost": lose_launch_response,
    "EC2 ends an accepted launch for a reason that does not pass": end_launch,
    "EC2 ends each accepted launch because it has no capacity": end_each_launch,
    "the SSM agent never responds after a launch": silence_agent_of_launch,
    "the same on a bare metal type, which boots for up to 20 minutes longer": silence_agent_of_bare_metal,
    "no agent and no heartbeat after a start": silence_agent_of_start,
    "EC2 has no capacity for a start: the disk is billed": refuse_start,
    "the image of a move is not created: the disk is billed": hang_move,
    "EC2 ends each accepted start": end_each_start,
    "the setup failed three times": fail_setup,
    "a document of the setup hangs or waits until its time limit, three times (here 15 min each)": hang_setup,
    "SSM accepts no command of the setup": refuse_commands,
    "the agent takes no command of the setup": deliver_no_command,
    "the system goes down in each attempt of the setup": interrupt_setup,
    "somebody keeps a failed instance (here for 2 hours)": keep_failed,
    "EC2 accepts each stop, and the instance runs on": stop_without_effect,
    "AWS rejects each stop": reject_stop,
    "EC2 accepts each termination, and the instance runs on": terminate_without_effect,
    "AWS rejects each termination": reject_termination,
    "somebody starts a stopped instance without gpudesk": start_externally,
    "the same after a change of its type": change_type,
    "the same after a change to a type without a GPU that is not in the catalog (here `max_hours` is 2)": (
        change_to_unknown_type
    ),
    "an instance has gpudesk's tags and no record": lose_record,
    "an admin requested its adoption (here `max_hours` and `keep_hours` are 2)": adopt_instance,
    "its gpudesk tags were removed": lose_tags,
    "gpudesk cannot read its record": break_record,
    "the mode is `dry_run`": run_dry,
    "it is stopped: its disk is billed": stay_stopped,
    "the mode is `paused`, also after a stop was requested": pause,
}
"""How to bring about each state of the table. It returns the id of the instance's record."""

STEPWISE: Mapping[Callable[[World], str], int] = {hang_setup: 3, refuse_commands: 2}
"""States with several steps, which need sweeps in between: minutes between two sweeps."""

SWEPT_LONGER: Mapping[Callable[[World], str], int] = {silence_probe: 5, end_each_launch: 5, interrupt_setup: 5}
"""States in which gpudesk tries again, or waits before it notifies: their sweeps instead of SWEPT_MINUTES."""

STATES = read_billed_states()


def test_every_state_of_the_table_is_walked() -> None:
    assert [state.state for state in STATES] == list(BUILDERS)


@dataclass
class Walk:
    """The minutes that pass in one state. It is swept at its beginning, and before each time of the table.

    :param swept_minutes: the number of these sweeps
    :param sweep_every: minutes between the other sweeps; None: there are none
    :ivar phases: the phases that the record had
    """

    desk: World
    instance_id: str
    began_at: datetime
    swept_minutes: int
    sweep_every: int | None = None
    phases: set[str] = field(default_factory=set)

    def pass_until(self, minutes: int) -> None:
        """Let time pass until `minutes` after the beginning of the state, with sweeps only in the last ones."""
        remaining = (self.began_at - self.desk.now) // MINUTE + minutes
        unswept = max(0, remaining - self.swept_minutes)
        self.desk.pass_minutes(unswept, sweep_every=self.sweep_every or unswept + 1)
        for _ in range(remaining - unswept):
            self.note_phase()
            self.desk.pass_minutes()

    def note_phase(self) -> None:
        """Add the present phase to `phases`."""
        try:
            record = self.desk.application.reconciler.stores.instances.load(self.instance_id)
        except UnreadableItem:
            self.phases.add("unknown")
        else:
            self.phases.add(record.phase if record else "none")

    def count(self, code: EventCode) -> int:
        """Return how often the timeline has the code since the beginning of the state.

        An unreadable record has notifications only: no timeline entry can be written. That the sweep is overdue is in
        no timeline of an instance: the watchdog finds it.
        """
        if code is EventCode.SWEEP_OVERDUE:
            return int(self.desk.application.sweep_watchdog.check())
        stores = self.desk.application.reconciler.stores
        pages = (stores.timelines.list_page, stores.notifications.list_for_instance)
        list_page = pages[code is EventCode.RECORD_UNREADABLE]
        entries = list_page(self.instance_id, limit=100).items
        return sum(entry.code == code for entry in entries if entry.at >= self.began_at)

    def is_billed(self) -> bool:
        """Return whether EC2 has an instance that is not stopped or terminated."""
        return any(self.desk.get_ec2_state(ec2_id) != "stopped" for ec2_id in self.desk.list_ec2_ids())


@pytest.mark.parametrize("state", STATES, ids=lambda state: BUILDERS[state.state].__name__)
def test_bill_ends_and_people_are_notified_as_the_table_says(desk: World, state: BilledState) -> None:
    build = BUILDERS[state.state]
    instance_id = build(desk)
    walk = Walk(desk, instance_id, desk.now, SWEPT_LONGER.get(build, SWEPT_MINUTES), STEPWISE.get(build))
    walk.pass_until(walk.swept_minutes)
    for notified in sorted(state.notified, key=lambda each: each.minutes):
        walk.pass_until(notified.minutes)
        assert walk.count(notified.code) == 1, notified
        assert frozenset(notified.code.audience) == notified.audience
    if state.minutes is not None:
        walk.pass_until(state.minutes)
        assert not walk.is_billed()
    daily = [notified.code for notified in state.notified if notified.is_daily]
    if daily:
        desk.clock.advance(DAY)
        desk.pass_minutes(2)
        assert walk.is_billed()
        assert [walk.count(code) for code in daily] == [2] * len(daily)
    walk.note_phase()
    assert state.phase in walk.phases
