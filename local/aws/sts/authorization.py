"""Checks of calls with the credentials of an assumed role. All other callers of the local cloud may do everything."""

from collections.abc import Callable, Iterable
from typing import Any

from local.aws.core.errors import CloudError
from local.aws.ec2.lifecycle import Lifecycle
from local.aws.sts.assumed_roles import AssumedRole, AssumedRoles
from local.aws.sts.policies import IamRequest, is_allowed

DEFAULT_SESSION_DOCUMENT = "SSM-SessionManagerRunShell"
DENIED_CODES = {"sts": "AccessDenied", "ec2": "UnauthorizedOperation", "sns": "AuthorizationError"}
"""Error code by service; all other services answer AccessDeniedException."""

ROLE_KEY_PREFIX = "ASIA"
MACHINE_KEY_PREFIX = "ASIALOCALCLOUD"
"""Prefix of the access keys of instances. Their role is not checked."""


class Authorization:
    """Decides whether the caller of a call may make it.

    :ivar find_session_starter: returns the `aws:userid` that started a session, with which SSM tags the session
    """

    def __init__(self, roles: AssumedRoles, lifecycle: Lifecycle) -> None:
        """Create the checks."""
        self.roles = roles
        self._lifecycle = lifecycle
        self.find_session_starter: Callable[[str], str] = lambda _: ""

    def check_call(self, response: Any, service: str, operation: str) -> None:
        """Check a call that moto answers.

        :raises CloudError: the credentials are unknown, have expired, or do not allow the call
        """
        key = response.get_access_key()
        if not key.startswith(ROLE_KEY_PREFIX) or key.startswith(MACHINE_KEY_PREFIX):
            return
        role = self.roles.find(key)
        if role is None:
            raise CloudError("UnrecognizedClientException", "The security token included in the request is invalid.")
        for request in self._list_requests(response, role, service, operation):
            self.check(role, request, service)

    def check(self, role: AssumedRole, request: IamRequest, service: str) -> None:
        """Check one question to IAM: the session policy and the policies of the role must both allow it.

        :raises CloudError: the credentials have expired, or do not allow it
        """
        if self.roles.is_expired(role):
            raise CloudError("ExpiredTokenException", "The security token included in the request is expired")
        tags = {f"aws:principaltag/{key}".lower(): value for key, value in role.tags.items()}
        request = IamRequest(request.action, request.resource, {**request.context, **tags, "aws:userid": role.user_id})
        for policies, reason in ((role.policies, "session"), (role.role_policies, "identity-based")):
            if (policies or reason != "session") and not is_allowed(policies, request):
                raise CloudError(
                    DENIED_CODES.get(service, "AccessDeniedException"),
                    f"User: {role.arn} is not authorized to perform: {request.action} on resource: {request.resource} "
                    f"because no {reason} policy allows the {request.action} action",
                    status=403,
                )

    def _list_requests(self, response: Any, role: AssumedRole, service: str, operation: str) -> Iterable[IamRequest]:
        action, region = f"{service}:{operation}", response.region
        if action == "sts:GetCallerIdentity":
            return
        if action == "ssm:StartSession":
            target = response._get_param("Target") or ""
            name = response._get_param("DocumentName") or DEFAULT_SESSION_DOCUMENT
            account = "" if name.startswith("AWS-") else role.account
            tracked = self._lifecycle.instances.get(target)
            tags = tracked.tags if tracked else {}
            context = {f"ssm:resourcetag/{key}".lower(): value for key, value in tags.items()}
            yield IamRequest(action, f"arn:aws:ec2:{region}:{role.account}:instance/{target}", context)
            yield IamRequest(action, f"arn:aws:ssm:{region}:{account}:document/{name}")
        elif action in ("ssm:ResumeSession", "ssm:TerminateSession"):
            session_id = response._get_param("SessionId") or ""
            context = {"ssm:resourcetag/aws:ssmmessages:session-id": self.find_session_starter(session_id)}
            yield IamRequest(action, build_session_arn(region, role.account, session_id), context)
        else:
            yield IamRequest(action, "*")


def build_session_arn(region: str, account: str, session_id: str) -> str:
    """Return the ARN of a session."""
    return f"arn:aws:ssm:{region}:{account}:session/{session_id}"
