"""AssumeRole and GetCallerIdentity: credentials that expire on the cloud's clock and have one user id everywhere.

moto assumes any role, invents a role id for one that does not exist, and lets its credentials do everything.
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from json import JSONDecodeError
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.iam.stored_policies import parse_policies
from local.aws.sts.role_sessions import (
    PARTITION,
    AssumedRole,
    SessionRequest,
    build_role_session,
    find_role,
    find_role_by_name,
)
from local.machines.host.access_keys import build_access_key

MIN_SECONDS, MAX_SECONDS = 900, 3600
"""Role chaining, as from the role of a Lambda function, ends after 1 hour."""

MAX_POLICY_LENGTH = 2048
SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


class AssumedRoles:
    """Extension with AssumeRole and GetCallerIdentity.

    :param now: returns the cloud's time
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Start without assumed roles."""
        self._now = now
        self._by_key: dict[str, AssumedRole] = {}
        self._services: dict[str, AssumedRole] = {}

    def patch(self, patches: Patches) -> None:
        """Replace the calls."""
        patches.add(TokenResponse, "assume_role", self._build_assume_role())
        patches.wrap(TokenResponse, "get_caller_identity", self._wrap_get_caller_identity)

    def find(self, access_key_id: str) -> AssumedRole | None:
        """Return the assumed role of an access key; None: the key belongs to somebody else."""
        return self._by_key.get(access_key_id)

    def is_expired(self, role: AssumedRole) -> bool:
        """Return whether the credentials have expired."""
        return role.expires_at is not None and self._now() >= role.expires_at

    def open_service_session(self, role_name: str, session_name: str, account: str = DEFAULT_ACCOUNT_ID) -> AssumedRole:
        """Return the credentials with which a service, such as Lambda, runs something as a role.

        :param session_name: as in CloudTrail; for a function its name
        :raises KeyError: there is no such role
        """
        arn = f"arn:{PARTITION}:sts::{account}:assumed-role/{role_name}/{session_name}"
        if arn not in self._services or not self._services[arn].has_role:
            role = find_role_by_name(role_name, account)
            if role is None:
                raise KeyError(f"The role {role_name} does not exist.")
            assumed = build_role_session(role, session_name, key=build_access_key("ASIASERVICE", arn))
            self._by_key[assumed.access_key_id] = self._services[arn] = assumed
        return self._services[arn]

    def _build_assume_role(self) -> Callable[[Any], ActionResult]:
        def assume_role(response: Any) -> ActionResult:
            name, policy = response._get_param("RoleSessionName"), response._get_param("Policy")
            seconds = response._get_int_param("DurationSeconds", MAX_SECONDS)
            _check_parameters(name, seconds, policy)
            tags = {tag["Key"]: tag["Value"] for tag in response._get_param("Tags", [])}
            request = SessionRequest(self._now() + timedelta(seconds=seconds), policy, tags)
            assumed = build_role_session(find_role(response._get_param("RoleArn")), name, request)
            _check_policy(assumed)
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


def _check_policy(assumed: AssumedRole) -> None:
    try:
        parse_policies(assumed.read_policies())
    except JSONDecodeError as error:
        raise CloudError("MalformedPolicyDocument", "The policy is not valid JSON.") from error


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
