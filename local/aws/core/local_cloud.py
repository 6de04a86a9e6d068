"""The local cloud: moto, with what AWS does and moto does not, on a clock of its own.

It serves `mock_aws` in process and moto's server alike:

    with mock_aws(), LocalCloud(ManualClock(), machines) as cloud:
        boto3.client("ec2", "us-east-1").run_instances(...)
        clock.advance(timedelta(seconds=8))
"""

import threading
from collections import Counter
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from chalicelib.domain.common.clock import Clock
from local.aws.core.events import EventLog
from local.aws.core.faults import Faults
from local.aws.core.gate import RequestInterceptor
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.dynamodb import moto_performance
from local.aws.dynamodb.streams import Streams
from local.aws.dynamodb.transactions import Transactions
from local.aws.ec2 import images
from local.aws.ec2.capacity import Capacity
from local.aws.ec2.custom_images import CustomImages
from local.aws.ec2.instance_calls import InstanceCalls
from local.aws.ec2.instance_connect import InstanceConnect
from local.aws.ec2.launches import Launches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.scheduled_events import ScheduledEvents
from local.aws.sns.email_subscriptions import EmailSubscriptions
from local.aws.sns.mailbox import Mailbox
from local.aws.ssm.agents import Agents
from local.aws.ssm.documents import DocumentCalls
from local.aws.ssm.run_command import RunCommand
from local.aws.ssm.run_command_api import RunCommandApi
from local.aws.ssm.sessions import Sessions
from local.machines.host.port import Machines

_installed = threading.Lock()


class Extension(Protocol):
    """One part of what moto lacks; each could be offered to moto by itself."""

    def patch(self, patches: Patches) -> None:
        """Change moto's classes, so that it can be taken back."""
        ...


class LocalCloud:
    """What the parts share, and the handle that tests and `make run` drive them by.

    :param machines: plays the instances; what runs on them sees `environment` from their launch on
    """

    def __init__(self, clock: Clock, machines: Machines, timing: AwsTiming | None = None) -> None:
        self.timing = timing = timing or AwsTiming()
        self.clock = clock
        self.machines = machines
        self.faults = Faults()
        self.capacity = Capacity(self.tick)
        self.log = EventLog()
        self.mailbox = Mailbox()
        self.control_lock = threading.RLock()
        self.data_lock = threading.RLock()
        self._gate = RequestInterceptor(self.faults, self.control_lock, self.data_lock, self.tick)
        self.lifecycle = Lifecycle(timing, clock.now, machines, self.capacity, self.log)
        self.scheduled = ScheduledEvents(clock.now, self.lifecycle)
        self.agents = Agents(timing, clock.now, self.lifecycle)
        self.commands = RunCommand(timing, clock, machines, self.agents, self.log)
        self.lifecycle.on_halt.append(self.commands.abandon_runs)
        self.images = CustomImages(timing, clock.now, machines, self.lifecycle)
        self.sessions = Sessions(clock.now, machines, self.lifecycle, self.agents)
        self._parts = self._extensions(timing)
        self._patches = Patches()

    def _extensions(self, timing: AwsTiming) -> tuple[Extension, ...]:
        return (
            self._gate,
            InstanceCalls(self.lifecycle, self.faults),
            Launches(timing, self.clock.now, self.capacity, self.lifecycle, lambda: self._gate.operation),
            images,
            self.images,
            self.scheduled,
            self.agents,
            DocumentCalls(timing),
            RunCommandApi(timing, self.commands, self.agents, self.lifecycle),
            self.sessions,
            InstanceConnect(self.clock.now, self.machines, self.lifecycle),
            Streams(self.clock.now),
            Transactions(),
            EmailSubscriptions(timing, self.clock.now, self.mailbox),
            moto_performance,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment variables of instances; changes affect instances launched later."""
        return self.lifecycle.environment

    @property
    def calls(self) -> Counter[str]:
        """How often each operation ("ec2:RunInstances") was called with anything but an instance's own role."""
        return self._gate.calls

    @property
    def machine_calls(self) -> Counter[str]:
        """How often each operation was called with the role of an instance."""
        return self._gate.machine_calls

    def calls_of(self, since: Counter[str]) -> Counter[str]:
        """The calls after `since`, which is a copy of `calls` made earlier."""
        return self.calls - since

    def install(self) -> None:
        """Extend moto.

        :raises RuntimeError: another local cloud of this process is installed
        """
        if not _installed.acquire(blocking=False):
            raise RuntimeError("another local cloud is installed in this process")
        for part in self._parts:
            part.patch(self._patches)

    def uninstall(self) -> None:
        """End every session and leave moto as it was found. The machines are their owner's to close."""
        self.sessions.close()
        self._patches.undo()
        _installed.release()

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()

    def tick(self) -> None:
        """Do everything that is due by now. Each call of EC2 or SSM does it too."""
        with self.control_lock:
            self.lifecycle.tick()
            self.scheduled.tick()
            self.lifecycle.tick()
            self.images.tick()
            self.commands.tick()

    def schedule_event(
        self, instance_id: str, code: str, not_before: datetime, not_after: datetime | None = None
    ) -> str:
        """AWS plans to retire, stop, reboot or maintain an instance, and will at `not_before`.

        :param code: `instance-retirement` and its like
        :returns: the event's id
        :raises KeyError: there is no such instance
        """
        with self.control_lock:
            return self.scheduled.schedule(instance_id, code, not_before, not_after)

    def record_power_off(self, instance_id: str) -> None:
        """The machine switched itself off; EC2 will say stopped, or terminated where its launch said so."""
        self.lifecycle.record_power_off(instance_id)

    def settle(self, timeout: float = 60) -> None:
        """Wait until no document is running for real.

        :param timeout: the world's seconds
        :raises TimeoutError: one still runs
        """
        self.commands.settle(timeout, self.tick)
