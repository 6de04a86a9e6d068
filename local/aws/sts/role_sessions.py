"""Sessions of roles: who they are, and which policies limit them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.iam.models import iam_backends

from local.aws.iam.patterns import Context
from local.aws.iam.principals import Principal
from local.aws.iam.stored_policies import StoredPolicies, read_role_policies

PARTITION = "aws"
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


SERVICE_SECRET = "local"
"""Secret and token of the credentials that Lambda and EC2 hand out. Random ones would make equal states differ."""


@dataclass(frozen=True)
class AssumedRole:
    """A role that was assumed once, with its credentials.

    :param expires_at: None: the credentials never expire, because Lambda or EC2 renews them
    :param user_id: `aws:userid`: the id of the role and the role session name
    :param session_policy: None: there is none
    :param tags: session tags
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime | None
    user_id: str
    arn: str
    role_arn: str
    role_name: str
    session_name: str
    account: str
    session_policy: str | None = field(repr=False)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def principal(self) -> Principal:
        """Return the session as resource policies and trust policies name it."""
        return Principal(arn=self.arn, role_arn=self.role_arn, account=self.account)

    def read_policies(self) -> StoredPolicies:
        """Return the present policies of the role, and the session policy. A role that was deleted has none.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
        """
        role = self._find_role()
        backend = iam_backends[self.account][PARTITION]
        return read_role_policies(backend, role, self.session_policy) if role else StoredPolicies()

    @property
    def has_role(self) -> bool:
        """Return whether the role still exists. A new role with its name is another one."""
        return self._find_role() is not None

    def _find_role(self) -> Any:
        return iam_backends[self.account][PARTITION].roles.get(self.user_id.partition(":")[0])

    def build_context(self) -> Context:
        """Return the condition keys of the caller.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
        """
        return {
            "aws:userid": self.user_id,
            "aws:PrincipalArn": self.role_arn,
            "aws:PrincipalAccount": self.account,
            "aws:PrincipalType": "AssumedRole",
            **{f"aws:PrincipalTag/{key}": value for key, value in self.tags.items()},
        }


def find_role(arn: str) -> Any:
    """Return moto's role; None: there is none."""
    for account in list(iam_backends.values()):
        for role in account[PARTITION].roles.values():
            if role.arn == arn:
                return role
    return None


def find_role_by_name(name: str, account: str) -> Any:
    """Return moto's role; None: there is none."""
    roles = iam_backends[account][PARTITION].roles.values()
    return next((role for role in roles if role.name == name), None)


@dataclass(frozen=True)
class SessionRequest:
    """The parameters of AssumeRole that a service leaves out.

    :param policy: the session policy
    """

    expires_at: datetime | None = None
    policy: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def build_role_session(
    role: Any, session_name: str, request: SessionRequest = SessionRequest(), *, key: str | None = None
) -> AssumedRole:
    """Return a new session of a role of moto's.

    :param key: the access key that a service has chosen; its secrets are not secret. None: a new one
    """
    return AssumedRole(
        access_key_id=key or "ASIA" + "".join(secrets.choice(DIGITS) for _ in range(16)),
        secret_access_key=SERVICE_SECRET if key else secrets.token_urlsafe(30),
        session_token=SERVICE_SECRET if key else secrets.token_urlsafe(120),
        expires_at=request.expires_at,
        user_id=f"{role.id}:{session_name}",
        arn=f"arn:{PARTITION}:sts::{role.account_id}:assumed-role/{role.name}/{session_name}",
        role_arn=role.arn,
        role_name=role.name,
        session_name=session_name,
        account=role.account_id,
        session_policy=request.policy,
        tags=request.tags,
    )
