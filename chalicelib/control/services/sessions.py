"""Ways in. Opening a session is the one thing for which a person waits for AWS."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.ec2 import Ec2, select_for_record
from chalicelib.aws.instance_connect import InstanceConnect
from chalicelib.aws.ssm import Session, Ssm
from chalicelib.control.services.instances import InstanceService, load_visible
from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.errors import (
    AwsError,
    Conflict,
    ErrorCode,
    TransientAwsError,
    UpstreamError,
    UpstreamUnavailable,
)
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.text import join_and
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.images.record import describe_removed_secrets
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.lifecycle.plans import because
from chalicelib.domain.instances.record import Ec2State, Instance, Machine, Phase
from chalicelib.domain.sessions.connect import ConnectCommand, SshConfig, build_connect_commands, build_ssh_config
from chalicelib.domain.sessions.session import (
    SSH_USER,
    SessionPlan,
    SessionRequest,
    describe_opened_session,
    plan_session,
)
from chalicelib.domain.setup.recipe import Recipe, find_jupyter_port
from chalicelib.store.images.repository import ImageRepository


@dataclass(frozen=True)
class ConnectInfo:
    """Commands for people with AWS credentials of their own; lines for ~/.ssh/config, with such and without."""

    commands: list[ConnectCommand]
    ssh_configs: list[SshConfig]


@dataclass(frozen=True)
class OpenedSession:
    """A session that is open, and of which instance."""

    plan: SessionPlan
    session: Session
    region: str
    instance_id: str


@dataclass(frozen=True, kw_only=True)
class SessionService:
    """GET .../connect and POST .../sessions."""

    images: ImageRepository
    instances: InstanceService
    ec2: Ec2
    ssm: Ssm
    instance_connect: InstanceConnect
    recipes: Mapping[str, Recipe]

    def connect(self, actor: Actor, ref: str) -> ConnectInfo:
        """What to paste."""
        instance, machine = self._require_running(actor, ref)
        region = instance.spec.region
        is_set_up = instance.phase is Phase.READY
        port = self._jupyter_port(instance) if is_set_up else None
        return ConnectInfo(
            build_connect_commands(machine.instance_id, region, port, is_set_up=is_set_up),
            build_ssh_config(instance.name, instance.id, machine.instance_id, region, SSH_USER),
        )

    def open_session(self, actor: Actor, ref: str, wish: SessionRequest) -> OpenedSession:
        """StartSession for those who have no credentials; the answer goes to session-manager-plugin.

        The timeline tells of it first: nobody enters unseen. What is answered is kept nowhere, nor logged.
        """
        instance, machine = self._require_running(actor, ref)
        port = self._jupyter_port(instance)
        if wish.kind.requires_jupyter and port is None:
            recipes = join_and(instance.spec.software.recipes)
            raise Conflict(f"{instance.name} was set up as {recipes}, without Jupyter", code=ErrorCode.NO_JUPYTER)
        plan = plan_session(wish, port)
        if wish.kind.requires_secrets:
            self._check_secrets_present(instance)
        self._check_ec2_tags(instance, machine)
        self._record_session(actor, instance, plan)
        region, instance_id = instance.spec.region, machine.instance_id
        try:
            if plan.public_key:
                self.instance_connect.send_ssh_public_key(region, instance_id, SSH_USER, plan.public_key)
            session = self.ssm.start_session(region, instance_id, plan, reason=f"{actor.name} at gpudesk")
        except AwsError as error:
            raise _upstream_error(f"AWS did not open a session: {error.message} ({error.code})", error) from error
        return OpenedSession(plan, session, region, instance_id)

    def _require_running(self, actor: Actor, ref: str) -> tuple[Instance, Machine]:
        instance = load_visible(self.instances.instances, actor, ref)
        if instance.machine is None or instance.machine.state is not Ec2State.RUNNING:
            raise Conflict(
                f"{instance.name} is {instance.phase}: there is nothing to connect to", code=ErrorCode.NOT_RUNNING
            )
        return instance, instance.machine

    def _check_secrets_present(self, instance: Instance) -> None:
        """:raises Conflict: what such a session needs is off the machine's disk"""
        for image in self.images.list_pending():
            if image.source.instance_id == instance.id and image.secrets_removed:
                raise Conflict(describe_removed_secrets(image), code=ErrorCode.SECRETS_REMOVED)

    def _check_ec2_tags(self, instance: Instance, machine: Machine) -> None:
        """:raises Conflict: EC2 does not show the machine with the desk's tags now"""
        try:
            view = select_for_record(
                self.ec2.describe_by_tag(instance.spec.region, instance.tag_id), machine.instance_id
            )
        except AwsError as error:
            raise _upstream_error(f"EC2 did not answer: {error.message} ({error.code})", error) from error
        if view is None or view.state is not Ec2State.RUNNING:
            message = f"EC2 shows no running {machine.instance_id} with the desk's tags: nobody is let into it"
            raise Conflict(message, code=ErrorCode.TAGS_MISSING)

    def _record_session(self, actor: Actor, instance: Instance, plan: SessionPlan) -> None:
        by_admin = actor.role is Role.ADMIN and actor.owner != instance.owner
        reason = because(
            EventCode.SESSION_REQUESTED,
            describe_opened_session(plan.kind, actor.name, instance.owner, by_admin=by_admin),
        )
        line = timeline_entry(
            self.instances.clock.now(),
            reason,
            actor=actor.name,
            details={"kind": str(plan.kind), "document": plan.document, **plan.parameters},
        )
        self.instances.apply(actor, instance.id, lambda found: RecordChange(found, (line,)))

    def _jupyter_port(self, instance: Instance) -> int | None:
        return find_jupyter_port(instance.spec.software.recipes, self.recipes)


def _upstream_error(message: str, error: AwsError) -> UpstreamError:
    """Return the refusal of a request that AWS did not let us fulfil."""
    return UpstreamUnavailable(message) if isinstance(error, TransientAwsError) else UpstreamError(message)
