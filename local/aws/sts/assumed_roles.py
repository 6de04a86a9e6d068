"""AssumeRole and GetCallerIdentity: credentials that expire on the cloud's clock and have one user id everywhere.

moto assumes any role, invents a role id for one that does not exist, and lets its credentials do everything.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from moto.core.responses import ActionResult
from moto.iam.models import iam_backends
from moto.sts.responses import TokenResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches

MIN_SECONDS, MAX_SECONDS = 900, 3600
"""Role chaining, as from the role of a Lambda function, ends after 1 hour."""

MAX_POLICY_LENGTH = 2048
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@dataclass(frozen=True)
class AssumedRole:
    """A role that was assumed once, with its credentials.

    :param user_id: `aws:userid`: the id of the role and the role session name
    :param policies: the session policy; empty: only the policies of the role bound the credentials
    :param role_policies: the policies of the role, read when it was assumed
    :param tags: session tags
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime
    user_id: str
    arn: str
    session_name: str
    account: str
    policies: Sequence[Mapping[str, Any]]
    role_policies: Sequence[Mapping[str, Any]]
    tags: Mapping[str, str]


class AssumedRoles:
    """Extension with AssumeRole and GetCallerIdentity.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Start without assumed roles."""
        self._now = now
        self._by_key: dict[str, AssumedRole] = {}

    def patch(self, patches: Patches) -> None:
        """Replace the calls."""
        patches.add(TokenResponse, "assume_role", self._build_assume_role())
        patches.wrap(TokenResponse, "get_caller_identity", self._wrap_get_caller_identity)

    def find(self, access_key_id: str) -> AssumedRole | None:
        """Return the assumed role of an access key; None: the key belongs to somebody else."""
        return self._by_key.get(access_key_id)

    def is_expired(self, role: AssumedRole) -> bool:
        """Return whether the credentials have expired."""
        return self._now() >= role.expires_at

    def _build_assume_role(self) -> Callable[[Any], ActionResult]:
        def assume_role(response: Any) -> ActionResult:
            arn, name = response._get_param("RoleArn"), response._get_param("RoleSessionName")
            seconds, policy = response._get_int_param("DurationSeconds", MAX_SECONDS), response._get_param("Policy")
            _check_parameters(name, seconds, policy)
            role = _find_role(arn)
            assumed = AssumedRole(
                access_key_id="ASIA" + "".join(secrets.choice(DIGITS) for _ in range(16)),
                secret_access_key=secrets.token_urlsafe(30),
                session_token=secrets.token_urlsafe(120),
                expires_at=self._now() + timedelta(seconds=seconds),
                user_id=f"{role.id}:{name}",
                arn=f"arn:{response.partition}:sts::{role.account_id}:assumed-role/{role.name}/{name}",
                session_name=name,
                account=role.account_id,
                policies=[_parse_policy(policy)] if policy else [],
                role_policies=[_parse_policy(text) for text in role.policies.values()],
                tags={tag["Key"]: tag["Value"] for tag in response._get_param("Tags", [])},
            )
            self._by_key[assumed.access_key_id] = assumed
            return ActionResult(_describe(assumed, len(policy or "")))

        return assume_role

    def _wrap_get_caller_identity(self, original: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
        def get_caller_identity(response: Any) -> ActionResult:
            role = self.find(response.get_access_key())
            if role is None:
                return original(response)
            return ActionResult({"UserId": role.user_id, "Account": role.account, "Arn": role.arn})

        return get_caller_identity


def _check_parameters(name: str, seconds: int, policy: str | None) -> None:
    if not SESSION_NAME.fullmatch(name):
        raise CloudError("ValidationError", f"Value '{name}' at 'roleSessionName' failed to satisfy constraint.")
    if not seconds >= MIN_SECONDS:
        raise CloudError("ValidationError", f"Value '{seconds}' at 'durationSeconds' failed to satisfy constraint.")
    if seconds > MAX_SECONDS:
        message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"
        raise CloudError("ValidationError", message)
    if policy is not None and not 1 <= len(policy) <= MAX_POLICY_LENGTH:
        message = (
            f"'policy' failed to satisfy constraint: Member must have length less than or equal to {MAX_POLICY_LENGTH}"
        )
        raise CloudError("ValidationError", message)


def _find_role(arn: str) -> Any:
    """Return moto's role that an account may assume.

    :raises CloudError: there is none; AWS does not say why
    """
    for account in list(iam_backends.values()):
        for role in account["aws"].roles.values():
            if role.arn == arn and _trusts_accounts(role):
                return role
    message = (
        f"User: arn:aws:iam::123456789012:user/local is not authorized to perform: sts:AssumeRole on resource: {arn}"
    )
    raise CloudError("AccessDenied", message, status=403)


def _trusts_accounts(role: Any) -> bool:
    trust = _parse_policy(role.assume_role_policy_document)
    return any(
        statement["Effect"] == "Allow" and "AWS" in statement.get("Principal", {}) for statement in trust["Statement"]
    )


def _parse_policy(text: str) -> Mapping[str, Any]:
    try:
        policy: Mapping[str, Any] = json.loads(unquote(text) if text.startswith("%") else text)
    except ValueError as error:
        raise CloudError("MalformedPolicyDocument", "The policy is not valid JSON.") from error
    return policy


def _describe(role: AssumedRole, policy_length: int) -> Mapping[str, Any]:
    return {
        "Credentials": {
            "AccessKeyId": role.access_key_id,
            "SecretAccessKey": role.secret_access_key,
            "SessionToken": role.session_token,
            "Expiration": role.expires_at,
        },
        "AssumedRoleUser": {"AssumedRoleId": role.user_id, "Arn": role.arn},
        "PackedPolicySize": -(-policy_length * 100 // MAX_POLICY_LENGTH),
    }
