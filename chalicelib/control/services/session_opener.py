"""Make the AWS calls that open or renew a session, within the time that a person waits."""

import logging
import secrets
from dataclasses import dataclass, field, replace

from chalicelib.aws.ec2 import Ec2
from chalicelib.aws.instance_connect import InstanceConnect
from chalicelib.aws.session_manager import Session, SessionManager
from chalicelib.aws.sts import Sts
from chalicelib.aws.tags import ID_TAG
from chalicelib.control.services.timed_calls import SystemTimer, TimedCalls, Timer, start_timed_calls
from chalicelib.domain.common.deadlines import CREDENTIALS_VALID_FOR
from chalicelib.domain.common.document_names import build_document_name
from chalicelib.domain.common.errors import UpstreamError
from chalicelib.domain.instances.observation import ObservedInstance
from chalicelib.domain.sessions.policies import build_channel_policy, build_start_policy
from chalicelib.domain.sessions.role import (
    RANDOM_DIGITS,
    Credentials,
    RoleArn,
    build_role_session_name,
    find_role_session_name,
)
from chalicelib.domain.sessions.session import SSH_USER, SessionPlan

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """The EC2 instance that a session leads to.

    :param name: name of gpudesk's instance, for messages
    :param tag_id: the value of its tag ID_TAG, to which the credentials of a session are bound
    :param missing_profile: that it has no instance profile and what helps, in sentences; empty: it has one
    """

    name: str
    region: str
    instance_id: str
    tag_id: str
    missing_profile: str = ""


@dataclass(frozen=True, kw_only=True)
class SessionOpener:
    """Opens sessions as the session role, and renews their credentials."""

    ec2: Ec2
    sts: Sts
    session_manager: SessionManager
    instance_connect: InstanceConnect
    role: RoleArn
    stage: str
    timer: Timer = field(default_factory=SystemTimer)

    def begin(self) -> TimedCalls:
        """Start the time within which all calls of one request must end."""
        return start_timed_calls(self.timer)

    def list_instances(self, calls: TimedCalls, target: Target, tag_id: str) -> list[ObservedInstance]:
        """Return the EC2 instances with the tags of an instance.

        :raises UpstreamError: EC2 rejected the call or did not respond
        """
        summary = f"EC2 did not describe {target.name}"
        return calls.make(summary, lambda: self.ec2.list_instances(target.region, tag_id))

    def open(self, calls: TimedCalls, target: Target, plan: SessionPlan, caller: str) -> tuple[Session, Credentials]:
        """Start a session and return it with credentials that open, resume and end it, and nothing else.

        The credentials that start it stay in gpudesk. If the session has started and a later step fails, gpudesk ends
        the session, because nobody gets its token.

        :raises UpstreamError: AWS rejected a call or did not respond; the message says what became of the session
        :raises Conflict: the instance has no instance profile, and its agent is not connected
        """
        session_name = build_role_session_name(caller, secrets.token_hex(RANDOM_DIGITS // 2))
        plan = replace(plan, document=build_document_name(self.stage, plan.document))
        policy = build_start_policy(self.role, session_name, target.region, target.instance_id, plan.document)
        summary = f"AWS did not open a session on {target.name}"
        starter = calls.make(summary, lambda: self._assume(target, session_name, policy))
        if plan.public_key:
            key = plan.public_key
            calls.make(
                summary,
                lambda: self.instance_connect.send_ssh_public_key(target.region, target.instance_id, SSH_USER, key),
            )
        session = calls.make_until_connected(
            summary,
            target.name,
            lambda: self.session_manager.start_session(
                target.region, target.instance_id, plan, starter, reason=f"{caller} at gpudesk"
            ),
            target.missing_profile,
        )
        try:
            return session, self.renew(calls, target, session.session_id)
        except Exception as error:
            end = self._end(target, session.session_id, starter)
            if isinstance(error, UpstreamError):
                raise type(error)(f"{error.message} {end}") from error
            raise

    def is_active(self, calls: TimedCalls, target: Target, session_id: str) -> bool:
        """Return whether the session is active and leads to this instance.

        :raises UpstreamError: SSM rejected the call or did not respond
        """
        found = calls.make(
            f"AWS did not describe the session on {target.name}",
            lambda: self.session_manager.find_active_target(target.region, session_id),
        )
        return found == target.instance_id

    def renew(self, calls: TimedCalls, target: Target, session_id: str) -> Credentials:
        """Return fresh credentials of the identity that started the session.

        :raises UpstreamError: STS rejected the call or did not respond
        """
        summary = f"AWS did not return credentials for the session on {target.name}"
        session_name = find_role_session_name(session_id)
        policy = build_channel_policy(self.role, target.region, session_id)
        return calls.make(summary, lambda: self._assume(target, session_name, policy))

    def _end(self, target: Target, session_id: str, starter: Credentials) -> str:
        """End a session that nobody gets, and return a sentence about it."""
        try:
            self.session_manager.terminate_session(target.region, session_id, starter)
        except Exception:
            LOG.exception("session %s was not ended", session_id)
            return "gpudesk could not end the session, but nobody can use it."
        return "gpudesk has ended the session."

    def _assume(self, target: Target, session_name: str, policy: str) -> Credentials:
        """Assume the session role, which is limited to the instance of the session tag besides the session policy."""
        tags = {ID_TAG: target.tag_id}
        return self.sts.assume_role(self.role.text, session_name, policy, CREDENTIALS_VALID_FOR, tags)
