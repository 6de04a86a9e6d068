"""One look: what EC2, SSM and the heartbeat say of an instance. Only what its phase needs is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.aws.ec2 import Ec2, of_record
from chalicelib.aws.ssm import Ssm
from chalicelib.domain.errors import CloudError
from chalicelib.domain.instance import Ec2State, Instance, Phase, ScheduledEvent
from chalicelib.domain.lifecycle.rules import heartbeat_key
from chalicelib.domain.observation import Absent, AgentView, CommandView, Ec2View, Observation, Unobserved, Untagged
from chalicelib.store.heartbeats import Beat, Heartbeats

Views = Sequence[Ec2View] | Unobserved
Agents = dict[str, AgentView] | Unobserved
Events = Mapping[str, ScheduledEvent] | Unobserved

NOT_LOOKED_FOR = Unobserved("not looked for")
"""The sweep looks for events, once for all; a look at one instance does not."""


@dataclass(frozen=True)
class Observer:
    """Looks; changes nothing."""

    ec2: Ec2
    ssm: Ssm
    heartbeats: Heartbeats
    instance_role_id: str

    def one(self, instance: Instance) -> Observation:
        """All that a decision about this instance needs."""
        views = self.machines(instance.spec.region, instance.tag_id)
        view = found(instance, views)
        agents = self.agents(instance.spec.region, [instance]) if needs_agent(instance, view) else {}
        key = self.key(instance)
        beat = self.heartbeats.read(key) if key and reports(instance) else None
        return self.of(instance, views, agents, beat)

    def of(
        self, instance: Instance, views: Views, agents: Agents, beat: Beat | None, events: Events = NOT_LOOKED_FOR
    ) -> Observation:
        """The same from what was read for many at once."""
        return Observation(
            ec2=self._by_id(instance, found(instance, views)),
            agent=_agent(instance, agents),
            command=self._command(instance),
            heartbeat=beat.report if beat else None,
            orders=beat.orders if beat else Absent(),
            scheduled=_scheduled(instance, events),
        )

    def machines(self, region: str, desk_id: str | None = None) -> Views:
        """What carries our tag; a region that does not answer is unobserved, not empty."""
        try:
            return self.ec2.tagged(region, desk_id)
        except CloudError as error:
            return Unobserved(str(error))

    def events(self, region: str) -> Events:
        """What AWS is going to do to machines of the region, whosever they are, by EC2 id."""
        try:
            return self.ec2.scheduled_events(region)
        except CloudError as error:
            return Unobserved(str(error))

    def agents(self, region: str, instances: Sequence[Instance]) -> Agents:
        """The agents of those that are booting."""
        ids = [instance.machine.instance_id for instance in instances if instance.machine]
        try:
            return self.ssm.agents(region, ids) if ids else {}
        except CloudError as error:
            return Unobserved(str(error))

    def key(self, instance: Instance) -> str | None:
        """The key of its heartbeat."""
        return heartbeat_key(self.instance_role_id, instance.machine.instance_id) if instance.machine else None

    def _by_id(
        self, instance: Instance, seen: Ec2View | Absent | Unobserved
    ) -> Ec2View | Untagged | Absent | Unobserved:
        """What has been absent by tag is asked for by its id: it may only have lost its tags."""
        machine = instance.machine
        if not isinstance(seen, Absent) or machine is None or instance.absent_since is None:
            return seen
        try:
            state = self.ec2.state(instance.spec.region, machine.instance_id)
        except CloudError as error:
            return Unobserved(str(error))
        is_over = state in (None, Ec2State.TERMINATED, Ec2State.SHUTTING_DOWN)
        return seen if is_over else Untagged(machine.instance_id)

    def _command(self, instance: Instance) -> CommandView | Absent | Unobserved:
        run, machine = instance.awaited, instance.machine
        if run is None or run.command_id is None or machine is None:
            return Absent()
        try:
            return self.ssm.command(instance.spec.region, run.command_id, machine.instance_id)
        except CloudError as error:
            return Unobserved(str(error))


def reports(instance: Instance) -> bool:
    """Whether its probe is listened to: where it can be used, also while it is set up, or somebody may look into it."""
    return instance.phase in (Phase.SETTING_UP, Phase.READY, Phase.FAILED)


def needs_agent(instance: Instance, view: Ec2View | Absent | Unobserved) -> bool:
    """Whether it is worth asking for the agent: while it boots, and runs."""
    is_booting = instance.phase is Phase.BOOTING and instance.machine is not None
    return is_booting and isinstance(view, Ec2View) and view.state is Ec2State.RUNNING


def found(instance: Instance, views: Views) -> Ec2View | Absent | Unobserved:
    """The view that a record is about."""
    if isinstance(views, Unobserved):
        return views
    own = [view for view in views if view.desk_id == instance.tag_id]
    return of_record(own, instance.machine.instance_id if instance.machine else None) or Absent()


def _scheduled(instance: Instance, events: Events) -> ScheduledEvent | Absent | Unobserved:
    if isinstance(events, Unobserved):
        return events
    return events.get(instance.machine.instance_id, Absent()) if instance.machine else Absent()


def _agent(instance: Instance, agents: Agents) -> AgentView | Absent | Unobserved:
    if isinstance(agents, Unobserved):
        return agents
    return agents.get(instance.machine.instance_id, Absent()) if instance.machine else Absent()
