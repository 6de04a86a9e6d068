"""Attacks with stolen credentials: each tries every table, parameter, document and instance, and lists what it reaches.

The access checks of each call are evaluated. No call is made, so an attack does not change what the next one finds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import boto3

from chalicelib.aws.tags import ID_TAG
from chalicelib.domain.sessions.policies import build_channel_policy
from chalicelib.domain.sessions.role import RoleArn
from deploy.names import ResourceNames
from local.aws.core.local_cloud import LocalCloud
from local.aws.iam.access_checks.call import Call
from local.aws.iam.attribution import act_as
from local.aws.sts.role_sessions import AssumedRole
from local.function_roles import find_role as find_function_role
from local.plugin.signing import SigningKey
from local.settings import ACCOUNT, HOME_REGION
from tests.local.aws.sessions import create_client

SESSION_NAME = "ada-0123456789abcdef"
FOREIGN_TABLE, FOREIGN_PARAMETER, FOREIGN_DOCUMENT = "gpudesk-prod-tokens", "/gpudesk/prod/webhook-key", "orders"
FOREIGN_ROLES = ("gpudesk-prod-session", "gpudesk-dev-control", "admin")
AMAZON_DOCUMENT = "AWS-RunShellScript"
NONE = "none"


@dataclass(frozen=True)
class Target:
    """EC2 ids of the attacked instances: two of the stage, one of another stage, one without tags, one to adopt.

    :param own_id: id of the record of the stage's first instance
    :param session_id: a session on it
    """

    own: str
    own_id: str
    other: str
    foreign: str
    untagged: str
    adoptable: str
    session_id: str

    @property
    def in_stage(self) -> tuple[str, ...]:
        """The instances of the stage."""
        return self.own, self.other

    @property
    def outside_stage(self) -> tuple[str, ...]:
        """The instances of another stage and without tags, which no credentials may reach."""
        return self.foreign, self.untagged


@dataclass(frozen=True)
class Attacker:
    """A person or program with the stolen credentials of a role session."""

    cloud: LocalCloud
    names: ResourceNames
    credentials: AssumedRole

    def can(self, service: str, operation: str, **parameters: Any) -> bool:
        """Return whether IAM allows a call."""
        return is_allowed(self.cloud, self.credentials, service, operation, parameters)


def is_allowed(
    cloud: LocalCloud, role: AssumedRole, service: str, operation: str, parameters: Mapping[str, Any]
) -> bool:
    """Return whether IAM allows a call of a role."""
    call = Call(service, operation, parameters, HOME_REGION, ACCOUNT)
    return all(decision.is_allowed for _, decision in cloud.enforcement.evaluate(role, call))


def steal_session(cloud: LocalCloud, names: ResourceNames, target: Target) -> AssumedRole:
    """Return the credentials that gpudesk has given to a laptop for one session."""
    policy = build_channel_policy(RoleArn.parse(names.role_arn("session")), HOME_REGION, target.session_id)
    session = cloud.roles.find(_assume(names, target.own_id, Policy=policy)["AccessKeyId"])
    assert session is not None
    return session


def start_session(names: ResourceNames, instance_id: str, record_id: str) -> str:
    """Start a session as the sessions function does, and return its id."""
    found = _assume(names, record_id)
    ssm = create_client("ssm", SigningKey(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]))
    return str(ssm.start_session(Target=instance_id, DocumentName=names.document("gpudesk-shell"))["SessionId"])


def _assume(names: ResourceNames, record_id: str, **parameters: Any) -> Mapping[str, str]:
    """Return credentials of the session role for one instance."""
    sts: Any = boto3.client("sts", HOME_REGION)
    with act_as(find_function_role(names, "sessions")):
        answer = sts.assume_role(
            RoleArn=names.role_arn("session"),
            RoleSessionName=SESSION_NAME,
            Tags=[{"Key": ID_TAG, "Value": record_id}],
            **parameters,
        )
    credentials: Mapping[str, str] = answer["Credentials"]
    return credentials


def join_names(found: Iterable[str]) -> str:
    """Return names as a cell of the table."""
    return ", ".join(found) or NONE
