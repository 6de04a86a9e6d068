"""Enforcement: each call of a role is decided by the policies of the role, of the session and of the resource.

Callers without a role are the administrator of the account, who may do everything, except assume a role that does not
trust the account.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID

from local.aws.core.errors import CloudError
from local.aws.iam.access_checks import list_access_checks
from local.aws.iam.access_checks.call import AccessCheck, Call
from local.aws.iam.errors import UndecidedCall
from local.aws.iam.evaluator import Decision, IamRequest, Policies, Reason, decide
from local.aws.iam.facts import LocalFacts
from local.aws.iam.patterns import Context
from local.aws.iam.policies import parse_policy_text
from local.aws.iam.principals import Principal
from local.aws.iam.stored_policies import parse_policies, to_text
from local.aws.iam.usage import record_use
from local.aws.sts.assumed_roles import AssumedRoles
from local.aws.sts.machine_roles import MachineRoles
from local.aws.sts.role_sessions import AssumedRole, find_role
from local.machines.host.access_keys import MACHINE_KEY_PREFIX

DENIED_CODES = {
    "ec2": "UnauthorizedOperation",
    "iam": "AccessDenied",
    "sns": "AuthorizationError",
    "sts": "AccessDenied",
}
"""Error code by service; all other services answer AccessDeniedException."""

SERVICE_ROLE_CODE = "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
"""Error code of EC2 for a launch on spot that may not create the service-linked role."""

ROLE_KEY_PREFIX = "ASIA"
TRUST_ACTIONS = frozenset({"sts:AssumeRole", "sts:TagSession"})
"""Actions that the trust policy of the role must allow, too."""

ADMINISTRATOR = Principal(arn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:user/local", account=DEFAULT_ACCOUNT_ID)
EVERYTHING = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'

Parameters = Mapping[str, Any]


class Enforcement:
    """Decides whether the caller of a call may make it.

    :ivar denials: the refused requests and those that could not be decided, each with its caller and the reason
    """

    def __init__(self, roles: AssumedRoles, machines: MachineRoles, facts: LocalFacts) -> None:
        """Start without denials."""
        self.roles = roles
        self._machines = machines
        self.denials: list[str] = []
        self._facts = facts

    def check_call(self, response: Any, service: str, operation: str) -> None:
        """Check a call that moto answers.

        :raises CloudError: the credentials are unknown, have expired, or do not allow the call
        :raises UndecidedCall: it is unknown whether they do. Over HTTP it is a CloudError, whose text the caller sees
        """
        try:
            self._check_call(response, service, operation)
        except UndecidedCall as error:
            if not response.is_werkzeug_request:
                raise
            raise CloudError(
                _get_denied_code(service), f"The local cloud refuses the call. {error}", status=403
            ) from error

    def _check_call(self, response: Any, service: str, operation: str) -> None:
        key = response.access_key
        is_administrator = not key.startswith(ROLE_KEY_PREFIX)
        if is_administrator and operation != "AssumeRole":
            return
        account = response.current_account
        call = Call(service, operation, read_parameters(response), response.region, account, response.partition)
        if is_administrator:
            with self._count_undecided(ADMINISTRATOR.arn, call.name):
                for access_check in list_access_checks(call, self._facts):
                    decision = _evaluate_administrator(access_check)
                    self._refuse_unless_allowed(ADMINISTRATOR.arn, access_check, decision, service)
            return
        role = self._machines.find(key) if key.startswith(MACHINE_KEY_PREFIX) else self.roles.find(key)
        if role is None:
            raise CloudError("UnrecognizedClientException", "The security token included in the request is invalid.")
        self.check(role, call)

    def check(self, role: AssumedRole, call: Call) -> None:
        """Check a call of a role.

        :raises CloudError: the credentials have expired, or do not allow it
        :raises UndecidedCall: it is unknown whether they do
        """
        if self.roles.is_expired(role):
            raise CloudError("ExpiredTokenException", "The security token included in the request is expired")
        with self._count_undecided(role.arn, call.name):
            for access_check, decision in self.evaluate(role, call):
                self._refuse_unless_allowed(role.arn, access_check, decision, call.service)
                record_use(role.role_name, decision.statements, access_check.action, access_check.resource)

    def evaluate(self, role: AssumedRole, call: Call) -> Iterator[tuple[AccessCheck, Decision]]:
        """Yield the access checks of a role's call and the decisions. The call is not made."""
        for access_check in list_access_checks(call, self._facts):
            yield access_check, _evaluate(role, access_check)

    def assume_for_service(
        self, service: str, role_arn: str, session_name: str, context: Context | None = None
    ) -> AssumedRole:
        """Return the session with which a service acts as a role. The role must trust the service.

        :param service: such as `events.amazonaws.com`
        :param context: further condition keys of the trust policy
        :raises CloudError: the role does not trust the service, or does not exist
        :raises UndecidedCall: it is unknown whether it does
        """
        access_check = AccessCheck("sts:AssumeRole", role_arn, {"sts:RoleSessionName": session_name, **(context or {})})
        request = IamRequest(access_check.action, role_arn, access_check.context, Principal(service=service))
        with self._count_undecided(service, access_check.action):
            self._refuse_unless_allowed(service, access_check, decide(_add_trust(Policies(), role_arn), request), "sts")
        return self.roles.open_service_session(role_arn.rpartition("/")[2], session_name)

    @contextmanager
    def _count_undecided(self, caller: str, action: str) -> Iterator[None]:
        """Count a call that cannot be decided as denied. Without that, only its caller would see an error."""
        try:
            yield
        except UndecidedCall as error:
            self.denials.append(f"It is unknown whether {caller} may call {action}. {error}")
            raise

    def _refuse_unless_allowed(self, caller: str, access_check: AccessCheck, decision: Decision, service: str) -> None:
        if decision.is_allowed:
            return
        message = (
            f"User: {caller} is not authorized to perform: {access_check.action} on resource: {access_check.resource}"
        )
        if decision.reason is Reason.EXPLICIT_DENY:
            message = f"{message} {decision.reason}"
        else:
            message = f"{message} because {decision.reason} the {access_check.action} action"
        self.denials.append(message)
        is_service_role = access_check.action == "iam:CreateServiceLinkedRole"
        code = SERVICE_ROLE_CODE if is_service_role else _get_denied_code(service)
        raise CloudError(code, message, status=403)


def _get_denied_code(service: str) -> str:
    return DENIED_CODES.get(service, "AccessDeniedException")


def read_parameters(response: Any) -> Parameters:
    """Return the parameters of a call as they were passed to the SDK."""
    if response.automated_parameter_parsing:
        parameters: Parameters = response.params
        return parameters
    body: Parameters = json.loads(response.body or "{}")
    return body


def _evaluate(role: AssumedRole, access_check: AccessCheck) -> Decision:
    request = IamRequest(
        access_check.action, access_check.resource, {**access_check.context, **role.build_context()}, role.principal
    )
    policies = parse_policies(role.read_policies())
    if access_check.action in TRUST_ACTIONS:
        policies = _add_trust(policies, access_check.resource)
    return decide(policies, request)


def _evaluate_administrator(access_check: AccessCheck) -> Decision:
    policies = _add_trust(Policies(identity=(parse_policy_text(EVERYTHING),)), access_check.resource)
    return decide(policies, IamRequest(access_check.action, access_check.resource, access_check.context, ADMINISTRATOR))


def _add_trust(policies: Policies, role_arn: str) -> Policies:
    role = find_role(role_arn)
    trust = parse_policy_text(to_text(role.assume_role_policy_document), "trust") if role else None
    return Policies(policies.identity, policies.session, policies.boundary, trust, requires_resource_policy=True)
