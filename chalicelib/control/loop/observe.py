"""One look: what EC2, SSM and the heartbeat say of an instance. Only what its phase needs is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.aws.ec2 import Ec2, select_for_record
from chalicelib.aws.ssm import Ssm
from chalicelib.domain.common.errors import AwsError
from chalicelib.domain.instances.lifecycle.plans import build_heartbeat_key
from chalicelib.domain.instances.observation import (
    NotVisible,
    Observation,
    ObservedAgent,
    ObservedCommand,
    ObservedInstance,
    TagsMissing,
    Unavailable,
)
from chalicelib.domain.instances.record import Ec2State, Instance, Phase, ScheduledEvent
from chalicelib.store.heartbeats import HeartbeatItem, HeartbeatRepository

ObservedInstances = Sequence[ObservedInstance] | Unavailable
ObservedAgents = dict[str, ObservedAgent] | Unavailable
EventsByEc2Id = Mapping[str, ScheduledEvent] | Unavailable

NOT_REQUESTED = Unavailable("not looked for")
"""The sweep looks for events, once for all; a look at one instance does not."""


@dataclass(frozen=True)
class Observer:
    """Looks; changes nothing."""

    ec2: Ec2
    ssm: Ssm
    heartbeats: HeartbeatRepository
    instance_role_id: str

    def observe(self, instance: Instance) -> Observation:
        """All that a decision about this instance needs."""
        views = self.list_instances(instance.spec.region, instance.tag_id)
        view = select_observed(instance, views)
        agents = self.list_agents(instance.spec.region, [instance]) if needs_agent(instance, view) else {}
        key = self.heartbeat_key(instance)
        heartbeat = self.heartbeats.get(key) if key and expects_heartbeat(instance) else None
        return self.observe_from(instance, views, agents, heartbeat)

    def observe_from(
        self,
        instance: Instance,
        views: ObservedInstances,
        agents: ObservedAgents,
        heartbeat: HeartbeatItem | None,
        events: EventsByEc2Id = NOT_REQUESTED,
    ) -> Observation:
        """The same from what was read for many at once."""
        return Observation(
            ec2=self._by_id(instance, select_observed(instance, views)),
            agent=_agent(instance, agents),
            command=self._command(instance),
            heartbeat=heartbeat.report if heartbeat else None,
            heartbeat_response=heartbeat.response if heartbeat else NotVisible(),
            scheduled_event=_scheduled(instance, events),
        )

    def list_instances(self, region: str, desk_id: str | None = None) -> ObservedInstances:
        """What carries our tag; a region that does not answer is unobserved, not empty."""
        try:
            return self.ec2.describe_by_tag(region, desk_id)
        except AwsError as error:
            return Unavailable(str(error))

    def list_scheduled_events(self, region: str) -> EventsByEc2Id:
        """What AWS is going to do to machines of the region, whosever they are, by EC2 id."""
        try:
            return self.ec2.scheduled_events(region)
        except AwsError as error:
            return Unavailable(str(error))

    def list_agents(self, region: str, instances: Sequence[Instance]) -> ObservedAgents:
        """The agents of those that are booting."""
        ids = [instance.machine.instance_id for instance in instances if instance.machine]
        try:
            return self.ssm.describe_agents(region, ids) if ids else {}
        except AwsError as error:
            return Unavailable(str(error))

    def heartbeat_key(self, instance: Instance) -> str | None:
        """The key of its heartbeat."""
        return build_heartbeat_key(self.instance_role_id, instance.machine.instance_id) if instance.machine else None

    def _by_id(
        self, instance: Instance, observation: ObservedInstance | NotVisible | Unavailable
    ) -> ObservedInstance | TagsMissing | NotVisible | Unavailable:
        """What has been absent by tag is asked for by its id: it may only have lost its tags."""
        machine = instance.machine
        if not isinstance(observation, NotVisible) or machine is None or instance.observed.not_visible_since is None:
            return observation
        try:
            state = self.ec2.get_state(instance.spec.region, machine.instance_id)
        except AwsError as error:
            return Unavailable(str(error))
        is_over = state in (None, Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN)
        return observation if is_over else TagsMissing(machine.instance_id)

    def _command(self, instance: Instance) -> ObservedCommand | NotVisible | Unavailable:
        run, machine = instance.active_command, instance.machine
        if run is None or run.command_id is None or machine is None:
            return NotVisible()
        try:
            return self.ssm.get_command(instance.spec.region, run.command_id, machine.instance_id)
        except AwsError as error:
            return Unavailable(str(error))


def expects_heartbeat(instance: Instance) -> bool:
    """Whether its probe is listened to: where it can be used, also while it is set up, or somebody may look into it."""
    return instance.phase in (Phase.SETTING_UP, Phase.READY, Phase.FAILED)


def needs_agent(instance: Instance, view: ObservedInstance | NotVisible | Unavailable) -> bool:
    """Whether it is worth asking for the agent: while it boots, and runs."""
    is_booting = instance.phase is Phase.BOOTING and instance.machine is not None
    return is_booting and isinstance(view, ObservedInstance) and view.state is Ec2State.RUNNING


def select_observed(instance: Instance, views: ObservedInstances) -> ObservedInstance | NotVisible | Unavailable:
    """The view that a record is about."""
    if isinstance(views, Unavailable):
        return views
    own = [view for view in views if view.desk_id == instance.tag_id]
    return select_for_record(own, instance.machine.instance_id if instance.machine else None) or NotVisible()


def _scheduled(instance: Instance, events: EventsByEc2Id) -> ScheduledEvent | NotVisible | Unavailable:
    if isinstance(events, Unavailable):
        return events
    return events.get(instance.machine.instance_id, NotVisible()) if instance.machine else NotVisible()


def _agent(instance: Instance, agents: ObservedAgents) -> ObservedAgent | NotVisible | Unavailable:
    if isinstance(agents, Unavailable):
        return agents
    return agents.get(instance.machine.instance_id, NotVisible()) if instance.machine else NotVisible()
