"""The local cloud: moto, extended by the behavior of AWS that moto lacks, on a clock of its own.

It works with `mock_aws` in one process, as here, and with moto's server:

    with mock_aws(), LocalCloud(ManualClock(), machines) as cloud:
        boto3.client("ec2", "us-east-1").run_instances(...)
        clock.advance(timedelta(seconds=8))
"""

import threading
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, Self

from chalicelib.domain.common.clock import Clock
from local.aws.core import moto_performance
from local.aws.core.creation_times import CreationTimes
from local.aws.core.events import EventLog
from local.aws.core.faults import Faults
from local.aws.core.patches import Patches
from local.aws.core.request_interceptor import RequestInterceptor
from local.aws.core.timing import AwsTiming
from local.aws.dynamodb import faster_items, number_ranges
from local.aws.dynamodb.streams import Streams
from local.aws.dynamodb.transactions import Transactions
from local.aws.ec2 import account_instances, default_vpcs, faster_xml, public_images
from local.aws.ec2.added_types import AddedTypes
from local.aws.ec2.capacity import Capacity
from local.aws.ec2.copied_images import CopiedImages
from local.aws.ec2.custom_images import CustomImages
from local.aws.ec2.instance_calls import InstanceCalls
from local.aws.ec2.instance_connect import InstanceConnect
from local.aws.ec2.launches import Launches
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.ec2.scheduled_events import ScheduledEvents
from local.aws.ec2.spot_interruptions import SpotInterruptions
from local.aws.ec2.spot_prices import SpotPrices
from local.aws.ec2.spot_request_calls import SpotRequestCalls
from local.aws.ec2.spot_requests import SpotRequests
from local.aws.iam.attribution import Attribution
from local.aws.iam.enforcement import Enforcement
from local.aws.iam.facts import LocalFacts
from local.aws.pricing.price_list import PriceList
from local.aws.pricing.service import PricingService
from local.aws.quotas.ec2_quotas import Ec2Quotas
from local.aws.quotas.enforcement import QuotaEnforcement
from local.aws.quotas.quota_requests import QuotaRequests
from local.aws.sns.email_subscriptions import EmailSubscriptions
from local.aws.sns.mailbox import Mailbox
from local.aws.ssm.agent_calls import AgentCalls
from local.aws.ssm.agents import Agents
from local.aws.ssm.data_channels import DataChannels
from local.aws.ssm.documents import DocumentCalls
from local.aws.ssm.run_command import RunCommand
from local.aws.ssm.run_command_api import RunCommandApi
from local.aws.ssm.sessions import Sessions
from local.aws.sts.assumed_roles import AssumedRoles
from local.aws.sts.machine_roles import MachineRoles
from local.machines.host.interface import Machines

_installed = threading.Lock()


class Extension(Protocol):
    """One extension of moto. Each is independent, so that it could be contributed to moto."""

    def patch(self, patches: Patches) -> None:
        """Change moto's classes in a way that `Patches.undo` can revert."""
        ...


class LocalCloud:
    """All extensions with their shared state, and the methods with which tests and `make run` control them.

    :param machines: runs the instances
    :ivar faults: faults of the next calls
    :ivar capacity: free capacity by instance type and zone
    :ivar spot_prices: spot prices by instance type and zone
    :ivar spot_requests: spot requests and their instances
    :ivar spot_interruptions: warnings and interruptions of spot instances
    :ivar quotas: limits in vCPUs by region and code
    :ivar quota_requests: requests to increase them
    :ivar added_types: instance types that AWS has added
    :ivar log: events for EventBridge
    :ivar mailbox: mails sent by SNS
    :ivar data_lock: lock of DynamoDB
    :ivar settings: environment variables of the gpudesk that uses this cloud, for its tools; empty: there is none
    """

    def __init__(self, clock: Clock, machines: Machines, timing: AwsTiming | None = None) -> None:
        """Create the extensions; `install` activates them."""
        self.timing = timing = timing or AwsTiming()
        self.clock = clock
        self.machines = machines
        self.faults = Faults()
        self.capacity = Capacity(self.tick)
        self.spot_prices = SpotPrices(clock.now)
        self.quotas = Ec2Quotas()
        self.quota_requests = QuotaRequests(clock.now, self.quotas)
        self.added_types = AddedTypes()
        self.log = EventLog()
        self.mailbox = Mailbox()
        self.settings: Mapping[str, str] = {}
        self.control_lock = threading.RLock()
        self.data_lock = threading.RLock()
        self.lifecycle = Lifecycle(timing, clock.now, machines, self.capacity, self.log)
        self.spot_requests = SpotRequests(clock.now, self.lifecycle)
        self.spot_interruptions = SpotInterruptions(clock.now, self.lifecycle, self.spot_requests, machines, self.log)
        self.roles = AssumedRoles(clock.now)
        facts = LocalFacts()
        facts.has_spot_role = self.spot_requests.has_service_role
        self.machine_roles = MachineRoles(self.lifecycle, facts)
        self.enforcement = Enforcement(self.roles, self.machine_roles, facts)
        self._interceptor = RequestInterceptor(
            self.faults, self.control_lock, self.data_lock, self.tick, self.enforcement.check_call
        )
        self.scheduled_events = ScheduledEvents(clock.now, self.lifecycle)
        agent_calls = AgentCalls(self.machine_roles, self.enforcement)
        self.agents = Agents(timing, clock.now, self.lifecycle, self.faults, agent_calls)
        self.commands = RunCommand(timing, clock, machines, self.agents, self.log)
        self.lifecycle.take_end_launch = self.faults.take_end_launch
        self.lifecycle.on_halt.append(self.commands.interrupt_runs)
        self.images = CustomImages(timing, clock.now, machines, self.lifecycle)
        self.channels = DataChannels(clock.now, machines, self.control_lock, self.faults, self.enforcement)
        self.sessions = Sessions(clock.now, self.lifecycle, self.agents, self.roles, self.channels)
        facts.list_session_tags = self.sessions.list_tags
        self._extensions = self._build_extensions(timing)
        self._patches = Patches()

    def _build_extensions(self, timing: AwsTiming) -> tuple[Extension, ...]:
        return (
            self._interceptor,
            CreationTimes(self.clock.now),
            InstanceCalls(self.lifecycle, self.faults),
            self.spot_requests,
            SpotRequestCalls(self.spot_requests),
            Launches(
                timing,
                self.clock.now,
                self.capacity,
                self.lifecycle,
                lambda: self._interceptor.current_operation,
            ),
            default_vpcs,
            public_images,
            account_instances,
            self.images,
            CopiedImages(self.images, self.lifecycle),
            self.scheduled_events,
            self.spot_prices,
            self.added_types,
            PricingService(PriceList(self.added_types)),
            self.agents,
            DocumentCalls(timing),
            RunCommandApi(timing, self.commands, self.agents, self.lifecycle),
            self.sessions,
            self.roles,
            Attribution(self.roles),
            InstanceConnect(self.clock.now, self.machines, self.lifecycle),
            Streams(self.clock.now),
            Transactions(),
            EmailSubscriptions(timing, self.clock.now, self.mailbox),
            self.quotas,
            self.quota_requests,
            QuotaEnforcement(self.quotas, self.lifecycle),
            moto_performance,
            faster_xml,
            faster_items,
            number_ranges,
        )

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that instances see. A change affects instances launched after it."""
        return self.lifecycle.environment

    @property
    def calls(self) -> Counter[str]:
        """Return the number of calls by operation ("ec2:RunInstances"), without those of instances."""
        return self._interceptor.calls

    @property
    def machine_calls(self) -> Counter[str]:
        """Return the number of calls by operation, made with an instance's role."""
        return self._interceptor.machine_calls

    def count_calls_since(self, since: Counter[str]) -> Counter[str]:
        """Return the calls after `since`, which is an earlier copy of `calls`."""
        return self.calls - since

    def install(self) -> None:
        """Extend moto.

        :raises RuntimeError: another local cloud is installed in this process
        """
        if not _installed.acquire(blocking=False):
            raise RuntimeError("Another local cloud is installed in this process.")
        for extension in self._extensions:
            extension.patch(self._patches)

    def add_extension(self, extension: Extension) -> None:
        """Extend an installed cloud further, for example by `local.aws.cloudformation.extension`."""
        extension.patch(self._patches)

    def uninstall(self) -> None:
        """End every session and restore moto. The owner of the machines closes them."""
        self._interceptor.close()
        self.sessions.close()
        self._patches.undo()
        _installed.release()

    def __enter__(self) -> Self:
        """Install."""
        self.install()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Uninstall."""
        self.uninstall()

    def tick(self) -> None:
        """Apply everything that is due by now. Each call to EC2, SSM or SNS calls this too."""
        with self.control_lock:
            self.lifecycle.tick()
            self.scheduled_events.tick()
            self.spot_interruptions.tick()
            self.lifecycle.tick()
            self.spot_requests.tick()
            self.images.tick()
            self.commands.tick()
            self.sessions.tick()

    def schedule_event(
        self, instance_id: str, code: str, not_before: datetime, not_after: datetime | None = None
    ) -> str:
        """Schedule a retirement, stop, reboot or maintenance of an instance, as AWS announces it.

        :param code: for example `instance-retirement`
        :param not_before: when it happens
        :returns: id of the event
        :raises KeyError: the instance does not exist
        """
        with self.control_lock:
            return self.scheduled_events.schedule(instance_id, code, not_before, not_after)

    def interrupt(
        self,
        instance_id: str,
        *,
        is_announced: bool = True,
        wins_over_stop: bool = False,
        returns_after: timedelta | None = None,
    ) -> datetime:
        """Warn of the interruption of a spot instance, which follows two minutes later.

        :param is_announced: EventBridge gets the warning; the metadata of the instance always has it
        :param wins_over_stop: if somebody stops the instance meanwhile, it still counts as interrupted
        :param returns_after: time after which EC2 starts the instance again; None: never
        :returns: the time of the interruption
        :raises KeyError: there is no running spot instance with this id
        """
        with self.control_lock:
            return self.spot_interruptions.interrupt(
                instance_id, is_announced=is_announced, wins_over_stop=wins_over_stop, returns_after=returns_after
            )

    def record_power_off(self, instance_id: str) -> None:
        """Stop an instance that has switched itself off, or terminate it if its launch requested that."""
        self.lifecycle.record_power_off(instance_id)

    def settle(self, timeout: float = 60) -> None:
        """Wait until no instance runs a document.

        :param timeout: real seconds
        :raises TimeoutError: a document still runs after `timeout`
        """
        self.commands.wait_for_documents(timeout, self.tick)
