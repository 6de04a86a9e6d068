"""Observe an instance: read what EC2, SSM and the heartbeat show. Only what the phase needs is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.spot_requests import SpotRequests
from chalicelib.aws.ssm import Ssm
from chalicelib.control.loop.instance_index import ObservedInstances, build_instance_index, select_observed
from chalicelib.control.loop.mover import Mover
from chalicelib.control.loop.quota_source import QuotasByLaunch, QuotaSource
from chalicelib.control.loop.read_or_unavailable import read_or_unavailable
from chalicelib.domain.instances.ec2_instance import ENDED_STATES, Ec2State, ScheduledEvent
from chalicelib.domain.instances.lifecycle.plans import build_heartbeat_key
from chalicelib.domain.instances.lifecycle.spot_return import requires_spot_request
from chalicelib.domain.instances.observation import (
    MoveObservation,
    NotVisible,
    Observation,
    ObservedAgent,
    ObservedCommand,
    ObservedInstance,
    TagsMissing,
    Unavailable,
)
from chalicelib.domain.instances.quota_use import may_wait_for_quota
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.instances.spot import ObservedSpotRequest, SpotRequestKey
from chalicelib.store.heartbeats import HeartbeatItem, HeartbeatRepository

T = TypeVar("T")

ObservedAgents = dict[str, ObservedAgent] | Unavailable
EventsByEc2Id = Mapping[str, ScheduledEvent] | Unavailable

NOT_REQUESTED = Unavailable("not requested")
"""Scheduled events are read by the sweep only, once for all instances of a region. Spot requests are read for few
decisions."""


@dataclass(frozen=True)
class RegionSnapshot:
    """Observations that were read once for many instances of a region.

    :param heartbeats: by key of the heartbeat item
    :param quotas: those that launches may wait for, by the id of the launch
    """

    instances: ObservedInstances
    agents: ObservedAgents
    heartbeats: Mapping[str, HeartbeatItem]
    events: EventsByEc2Id = NOT_REQUESTED
    quotas: QuotasByLaunch = field(default_factory=dict)


@dataclass(frozen=True)
class Observer:
    """Reads from AWS and from the heartbeats table. It changes nothing."""

    ec2: Ec2
    ssm: Ssm
    heartbeats: HeartbeatRepository
    instance_role_id: str
    mover: Mover
    spot_requests: SpotRequests
    quotas: QuotaSource

    def observe(self, instance: Instance) -> Observation:
        """Return what a decision about this instance needs. The calls are made for this instance alone."""
        instances = self.list_instances(instance.spec.region, instance.tag_id)
        ec2 = select_observed(instance, instances)
        agents = self.list_agents(instance.spec.region, [instance]) if requires_agent(instance, ec2) else {}
        key = self.get_heartbeat_key(instance)
        heartbeat = self.heartbeats.get(key) if key and expects_heartbeat(instance) else None
        heartbeats = {key: heartbeat} if key and heartbeat else {}
        quotas = self.quotas.observe() if may_wait_for_quota(instance) else {}
        return self.observe_from(instance, RegionSnapshot(instances, agents, heartbeats, quotas=quotas))

    def observe_from(self, instance: Instance, snapshot: RegionSnapshot) -> Observation:
        """Return what a decision about this instance needs, from the snapshot of its region."""
        heartbeat = snapshot.heartbeats.get(self.get_heartbeat_key(instance) or "")
        return Observation(
            ec2=self._check_missing(instance, select_observed(instance, snapshot.instances)),
            agent=_select_by_ec2_id(instance, snapshot.agents),
            command=self._get_command(instance),
            heartbeat=heartbeat.report if heartbeat else None,
            heartbeat_response=heartbeat.response if heartbeat else NotVisible(),
            scheduled_event=_select_by_ec2_id(instance, snapshot.events),
            move=self.mover.observe(instance.move) if instance.move else MoveObservation(),
            spot_request=self._find_spot_request(instance),
            quotas=snapshot.quotas.get(instance.id, ()),
        )

    def list_instances(self, region: str, record_id: str | None = None) -> ObservedInstances:
        """Return the EC2 instances with gpudesk tags. A region without an answer is unavailable, not empty.

        :param record_id: only the instances of this record; None: those of all records
        """
        found = read_or_unavailable(self.ec2.list_instances, region, record_id)
        return found if isinstance(found, Unavailable) else build_instance_index(found)

    def list_scheduled_events(self, region: str) -> EventsByEc2Id:
        """Return the events that AWS has scheduled for EC2 instances of a region, by EC2 id."""
        return read_or_unavailable(self.ec2.list_scheduled_events, region)

    def list_agents(self, region: str, instances: Sequence[Instance]) -> ObservedAgents:
        """Return the SSM agents of these instances, by EC2 id."""
        ids = [instance.ec2_instance.instance_id for instance in instances if instance.ec2_instance]
        return read_or_unavailable(self.ssm.describe_agents, region, ids) if ids else {}

    def get_heartbeat_key(self, instance: Instance) -> str | None:
        """Return the key of the instance's heartbeat item, or None before its launch."""
        return (
            build_heartbeat_key(self.instance_role_id, instance.ec2_instance.instance_id)
            if instance.ec2_instance
            else None
        )

    def _check_missing(
        self, instance: Instance, ec2: ObservedInstance | NotVisible | Unavailable
    ) -> ObservedInstance | TagsMissing | NotVisible | Unavailable:
        """Look up an instance by its id if EC2 does not show it by its tags. It may have lost only its tags."""
        machine = instance.ec2_instance
        if not isinstance(ec2, NotVisible) or machine is None or instance.observed.not_visible_since is None:
            return ec2
        state = read_or_unavailable(self.ec2.get_state, instance.spec.region, machine.instance_id)
        if isinstance(state, Unavailable):
            return state
        is_gone = state is None or state in ENDED_STATES
        return ec2 if is_gone else TagsMissing(machine.instance_id)

    def _find_spot_request(self, instance: Instance) -> ObservedSpotRequest | NotVisible | Unavailable:
        machine = instance.ec2_instance
        if machine is None or not requires_spot_request(instance):
            return NOT_REQUESTED
        request = SpotRequestKey(
            region=instance.spec.region,
            instance_id=machine.instance_id,
            request_id=machine.spot_instance_request_id,
        )
        return read_or_unavailable(self.spot_requests.find, request, instance.tag_id) or NotVisible()

    def _get_command(self, instance: Instance) -> ObservedCommand | NotVisible | Unavailable:
        run, machine = instance.active_command, instance.ec2_instance
        if run is None or run.command_id is None or machine is None:
            return NotVisible()
        return read_or_unavailable(self.ssm.get_command, instance.spec.region, run.command_id, machine.instance_id)


def expects_heartbeat(instance: Instance) -> bool:
    """Return whether a decision reads the heartbeat: during setup, while ready, and after a failed setup."""
    return instance.phase in (Phase.SETTING_UP, Phase.READY, Phase.FAILED)


def requires_agent(instance: Instance, ec2: ObservedInstance | NotVisible | Unavailable) -> bool:
    """Return whether a decision reads the SSM agent: while the instance boots and EC2 shows it as running."""
    is_booting = instance.phase is Phase.BOOTING and instance.ec2_instance is not None
    return is_booting and isinstance(ec2, ObservedInstance) and ec2.state is Ec2State.RUNNING


def _select_by_ec2_id(instance: Instance, found: Mapping[str, T] | Unavailable) -> T | NotVisible | Unavailable:
    """Return what was found for the instance, from a mapping by EC2 id."""
    if isinstance(found, Unavailable):
        return found
    return found.get(instance.ec2_instance.instance_id, NotVisible()) if instance.ec2_instance else NotVisible()
