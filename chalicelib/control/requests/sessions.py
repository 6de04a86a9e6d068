"""Ways in. Opening a session is the one thing for which a person waits for AWS."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.ec2 import Ec2, of_record
from chalicelib.aws.instance_connect import InstanceConnect
from chalicelib.aws.ssm import Session, Ssm
from chalicelib.control.requests.changing import Changing
from chalicelib.control.requests.finding import Finder
from chalicelib.domain.actors import Actor, Role
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.connect import Command, SshConfig, commands, ssh_configs
from chalicelib.domain.errors import CloudError, Conflict, ErrorCode, TryLater, UpstreamError, UpstreamUnavailable
from chalicelib.domain.images import why_sealed
from chalicelib.domain.instance import Ec2State, Instance, Machine, Phase
from chalicelib.domain.lifecycle.rules import because, entry
from chalicelib.domain.recipes import Recipe, jupyter_port
from chalicelib.domain.sessions import LOGIN, SessionWish, Way, entered, way_for
from chalicelib.domain.wishes import Wanted
from chalicelib.store.images import Images


@dataclass(frozen=True)
class WaysIn:
    """Commands for people with AWS credentials of their own; lines for ~/.ssh/config, with such and without."""

    commands: list[Command]
    ssh_configs: list[SshConfig]


@dataclass(frozen=True)
class Opened:
    """A session that is open, and of which instance."""

    way: Way
    session: Session
    region: str
    instance_id: str


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """GET .../connect and POST .../sessions."""

    finder: Finder
    images: Images
    changing: Changing
    ec2: Ec2
    ssm: Ssm
    instance_connect: InstanceConnect
    recipes: Mapping[str, Recipe]

    def connect(self, actor: Actor, ref: str) -> WaysIn:
        """What to paste."""
        instance, machine = self._reachable(actor, ref)
        region = instance.spec.region
        is_set_up = instance.phase is Phase.READY
        port = self._jupyter_port(instance) if is_set_up else None
        return WaysIn(
            commands(machine.instance_id, region, port, is_set_up=is_set_up),
            ssh_configs(instance.name, instance.id, machine.instance_id, region, LOGIN),
        )

    def open_session(self, actor: Actor, ref: str, wish: SessionWish) -> Opened:
        """StartSession for those who have no credentials; the answer goes to session-manager-plugin.

        The timeline tells of it first: nobody enters unseen. What is answered is kept nowhere, nor logged.
        """
        instance, machine = self._reachable(actor, ref)
        port = self._jupyter_port(instance)
        if wish.kind.is_of_jupyter and port is None:
            recipes = " and ".join(instance.spec.recipes)
            raise Conflict(f"{instance.name} was set up as {recipes}, without Jupyter", code=ErrorCode.NO_JUPYTER)
        way = way_for(wish, port)
        if wish.kind.needs_secrets:
            self._must_not_be_sealed(instance)
        self._must_be_ours(instance, machine)
        self._tell(actor, instance, way)
        region, instance_id = instance.spec.region, machine.instance_id
        try:
            if way.public_key:
                self.instance_connect.push(region, instance_id, LOGIN, way.public_key)
            session = self.ssm.open_session(region, instance_id, way, reason=f"{actor.name} at gpudesk")
        except CloudError as error:
            raise _upstream_error(f"AWS did not open a session: {error.message} ({error.code})", error) from error
        return Opened(way, session, region, instance_id)

    def _reachable(self, actor: Actor, ref: str) -> tuple[Instance, Machine]:
        instance = self.finder.find(actor, ref)
        if instance.machine is None or instance.machine.state is not Ec2State.RUNNING:
            raise Conflict(
                f"{instance.name} is {instance.phase}: there is nothing to connect to", code=ErrorCode.NOT_RUNNING
            )
        return instance, instance.machine

    def _must_not_be_sealed(self, instance: Instance) -> None:
        """:raises Conflict: what such a session needs is off the machine's disk"""
        for image in self.images.open():
            if image.instance_id == instance.id and image.is_sealed:
                raise Conflict(why_sealed(image), code=ErrorCode.SECRETS_REMOVED)

    def _must_be_ours(self, instance: Instance, machine: Machine) -> None:
        """:raises Conflict: EC2 does not show the machine with the desk's tags now"""
        try:
            view = of_record(self.ec2.tagged(instance.spec.region, instance.tag_id), machine.instance_id)
        except CloudError as error:
            raise _upstream_error(f"EC2 did not answer: {error.message} ({error.code})", error) from error
        if view is None or view.state is not Ec2State.RUNNING:
            sentence = f"EC2 shows no running {machine.instance_id} with the desk's tags: nobody is let into it"
            raise Conflict(sentence, code=ErrorCode.TAGS_MISSING)

    def _tell(self, actor: Actor, instance: Instance, way: Way) -> None:
        by_admin = actor.role is Role.ADMIN and actor.owner != instance.owner
        reason = because(EventCode.SESSION_REQUESTED, entered(way.kind, actor.name, instance.owner, by_admin=by_admin))
        line = entry(
            self.changing.clock.now(),
            reason,
            actor=actor.name,
            details={"kind": str(way.kind), "document": way.document, **way.parameters},
        )
        self.changing.change(actor, instance.id, lambda found: Wanted(found, (line,)))

    def _jupyter_port(self, instance: Instance) -> int | None:
        return jupyter_port(instance.spec.recipes, self.recipes)


def _upstream_error(sentence: str, error: CloudError) -> UpstreamError:
    """Return the refusal of a request that AWS did not let us fulfil."""
    return UpstreamUnavailable(sentence) if isinstance(error, TryLater) else UpstreamError(sentence)
