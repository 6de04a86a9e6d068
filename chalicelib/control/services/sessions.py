"""Connect to instances: open sessions, renew their credentials, and build the commands for people with their own."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.aws.session_manager import Session
from chalicelib.control.services.instances import InstanceService
from chalicelib.control.services.session_checks import (
    find_session_jupyter_port,
    load_running,
    require_ec2_tags,
    require_secrets,
)
from chalicelib.control.services.session_opener import SessionOpener, Target
from chalicelib.domain.access.actor import Actor, Role
from chalicelib.domain.common.errors import ErrorCode, NotFound, RequestError
from chalicelib.domain.common.event_codes import EventCode
from chalicelib.domain.common.event_reason import EventReason
from chalicelib.domain.common.timeline import timeline_entry
from chalicelib.domain.common.write_warnings import WriteWarning
from chalicelib.domain.foreign.missing_profile import build_missing_profile_warning, describe_missing_profile
from chalicelib.domain.instances.commands.change import RecordChange
from chalicelib.domain.instances.record import Instance, Phase
from chalicelib.domain.sessions.connect import ConnectCommand, SshConfig, build_connect_commands, build_ssh_config
from chalicelib.domain.sessions.role import Credentials, is_started_by
from chalicelib.domain.sessions.session import (
    SSH_USER,
    SessionPlan,
    SessionRequest,
    describe_requested_session,
    plan_session,
)
from chalicelib.domain.setup.recipe import Recipe, find_jupyter_port
from chalicelib.store.repositories import Repositories

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConnectInfo:
    """How to connect to an instance.

    :param commands: for people who have AWS credentials
    :param ssh_configs: entries for ~/.ssh/config, for people with and without AWS credentials
    :param warning: why none of them works now; None: nothing is known against them
    """

    commands: list[ConnectCommand]
    ssh_configs: list[SshConfig]
    warning: WriteWarning | None = None


@dataclass(frozen=True)
class OpenedSession:
    """An open session to an EC2 instance.

    :param credentials: for the laptop; they open, resume and end this session only
    """

    plan: SessionPlan
    session: Session
    credentials: Credentials
    region: str
    instance_id: str


@dataclass(frozen=True, kw_only=True)
class SessionService:
    """GET .../connect, POST .../sessions and POST .../sessions/credentials."""

    stores: Repositories
    instances: InstanceService
    opener: SessionOpener
    recipes: Mapping[str, Recipe]

    def connect(self, actor: Actor, ref: str) -> ConnectInfo:
        """Return the commands and the ssh configuration for an instance.

        :raises NotFound: it does not exist, or the caller may not see it
        :raises Conflict: it is terminated, or is not running
        """
        instance, machine = load_running(self.stores.instances, actor, ref)
        region = instance.spec.region
        is_set_up = instance.phase is Phase.READY
        port = find_jupyter_port(instance.spec.software.recipes, self.recipes) if is_set_up else None
        return ConnectInfo(
            build_connect_commands(machine.instance_id, region, port, is_set_up=is_set_up),
            build_ssh_config(instance.name, instance.id, machine.instance_id, region, SSH_USER),
            build_missing_profile_warning(instance),
        )

    def open_session(self, actor: Actor, ref: str, request: SessionRequest) -> OpenedSession:
        """Open a session for a caller without AWS credentials. The answer is for the session-manager-plugin.

        The request is recorded in the timeline before the session is opened, so that no session stays unseen. If
        anything fails afterwards, the timeline says so. The token and the credentials are neither stored nor logged.

        :raises NotFound: the instance does not exist, or the caller may not see it
        :raises ValidationFailed: fields of the request contradict each other
        :raises Conflict: the instance is not running, has lost its tags or its secrets, has no Jupyter, or has neither
            a connected agent nor an instance profile
        :raises UpstreamError: AWS rejected a call or did not respond
        """
        calls = self.opener.begin()
        instance, machine = load_running(self.stores.instances, actor, ref)
        plan = plan_session(request, find_session_jupyter_port(instance, request, self.recipes))
        if request.kind.requires_secrets:
            require_secrets(instance, self.stores.images)
        missing_profile = describe_missing_profile(instance)
        target = Target(
            instance.name, instance.spec.region, machine.instance_id, instance.tag_id, missing_profile=missing_profile
        )
        require_ec2_tags(target, self.opener.list_instances(calls, target, instance.tag_id))
        try:
            self._record_request(actor, instance, plan)
            session, credentials = self.opener.open(calls, target, plan, actor.name)
        except Exception as error:
            self._record_failure(actor, instance, error)
            raise
        return OpenedSession(plan, session, credentials, target.region, target.instance_id)

    def renew_credentials(self, actor: Actor, ref: str, session_id: str) -> Credentials:
        """Return fresh credentials for an active session of the caller. Access is checked as for a new session.

        :raises NotFound: the instance or the session does not exist, or the caller may not see it
        :raises Conflict: the instance is not running, or has lost its tags
        :raises UpstreamError: AWS rejected a call or did not respond
        """
        calls = self.opener.begin()
        instance, machine = load_running(self.stores.instances, actor, ref)
        target = Target(instance.name, instance.spec.region, machine.instance_id, instance.tag_id)
        if not is_started_by(session_id, actor.name):
            raise _build_session_not_found_error(instance)
        require_ec2_tags(target, self.opener.list_instances(calls, target, instance.tag_id))
        if not self.opener.is_active(calls, target, session_id):
            raise _build_session_not_found_error(instance)
        return self.opener.renew(calls, target, session_id)

    def _record_request(self, actor: Actor, instance: Instance, plan: SessionPlan) -> None:
        by_admin = actor.role is Role.ADMIN and actor.owner != instance.owner
        message = describe_requested_session(plan.kind, actor.name, instance.owner, by_admin=by_admin)
        details = {"kind": str(plan.kind), "document": plan.document, **plan.ports}
        self._record(actor, instance, EventReason(code=EventCode.SESSION_REQUESTED, message=message), details)

    def _record_failure(self, actor: Actor, instance: Instance, error: Exception) -> None:
        """Record that the caller got no session. If that fails, log it: the caller needs the first error."""
        cause = error.message if isinstance(error, RequestError) else "gpudesk failed. Its log says why."
        reason = EventReason(code=EventCode.SESSION_NOT_OPENED, message=f"{actor.name} got no session. {cause}")
        try:
            self._record(actor, instance, reason, {})
        except Exception:
            LOG.exception("the failure of a session to %s was not recorded", instance.id)

    def _record(self, actor: Actor, instance: Instance, reason: EventReason, details: Mapping[str, str]) -> None:
        entry = timeline_entry(self.instances.clock.now(), reason, actor=actor.name, details=details)
        self.instances.apply(actor, instance.id, lambda current: RecordChange(current, (entry,)))


def _build_session_not_found_error(instance: Instance) -> NotFound:
    message = f"You have no active session with this id on {instance.name}. Open a new one."
    return NotFound(message, code=ErrorCode.SESSION_NOT_FOUND)
