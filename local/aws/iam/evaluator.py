"""Evaluation of policies: whether IAM would allow a request.

The logic is that of one account, or of the two accounts of principal and resource:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
Service control policies and resource control policies of an organization are not known here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from local.aws.iam.patterns import ARN_SEGMENTS, Context
from local.aws.iam.policies import ALLOW, DENY, Policy, Statement
from local.aws.iam.principals import Grant, Principal


class Reason(StrEnum):
    """Why a request is allowed or denied. The texts of denials are those of AWS's messages."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "with an explicit deny"
    NO_IDENTITY_POLICY = "no identity-based policy allows"
    NO_BOUNDARY = "no permissions boundary allows"
    NO_SESSION_POLICY = "no session policy allows"
    NO_RESOURCE_POLICY = "no resource-based policy allows"


@dataclass(frozen=True)
class IamRequest:
    """The input of one access check of IAM. A call can need several.

    :param action: such as `ec2:RunInstances`
    :param resource: ARN, or `*` for an action that knows no resources
    :param context: condition keys and their values; a sequence for a multivalued key
    """

    action: str
    resource: str
    context: Context = field(default_factory=dict)
    principal: Principal = Principal()

    def __post_init__(self) -> None:
        """Compare condition keys without their case."""
        object.__setattr__(self, "context", {key.lower(): value for key, value in self.context.items()})


@dataclass(frozen=True)
class Policies:
    """The policies that decide about a request.

    :param session: the policies passed to AssumeRole; None: there are none, so only those of the role limit it
    :param boundary: the permissions boundary; None: there is none
    :param resource: the policy of the resource, such as that of a queue; None: it has none
    :param requires_resource_policy: whether the resource must allow the request itself, as the trust policy of a role
    """

    identity: Sequence[Policy] = ()
    session: Sequence[Policy] | None = None
    boundary: Sequence[Policy] | None = None
    resource: Policy | None = None
    requires_resource_policy: bool = False


@dataclass(frozen=True)
class Decision:
    """The decision about a request: allowed or denied, and why.

    :param statements: those that allow the request, or that deny it explicitly
    """

    reason: Reason
    statements: tuple[Statement, ...] = ()

    @property
    def is_allowed(self) -> bool:
        """Return whether the request is allowed."""
        return self.reason is Reason.ALLOWED


def decide(policies: Policies, request: IamRequest) -> Decision:
    """Return whether the policies allow a request, and why.

    :raises AmbiguousCondition: a condition has no defined result for this request
    """
    identity = _list_matching(policies.identity, request)
    session = _list_matching(policies.session or (), request)
    boundary = _list_matching(policies.boundary or (), request)
    granted = _list_granting(policies.resource, request)
    denying = [*_select(DENY, identity), *_select(DENY, session), *_select(DENY, boundary)]
    denying += _select(DENY, (statement for statement, _ in granted))
    if denying:
        return Decision(Reason.EXPLICIT_DENY, tuple(denying))
    granting = [(statement, grant) for statement, grant in granted if statement.effect == ALLOW]
    grant = max((grant for _, grant in granting), default=Grant.NONE)
    by_resource = tuple(statement for statement, _ in granting)
    if _needs_resource_policy(policies, request) and grant is Grant.NONE:
        return Decision(Reason.NO_RESOURCE_POLICY)
    is_across_accounts = _is_across_accounts(request)
    if grant is Grant.SESSION and not is_across_accounts:
        return Decision(Reason.ALLOWED, by_resource)
    allowing = tuple(_select(ALLOW, identity))
    if not allowing and (grant < Grant.ROLE or is_across_accounts):
        return Decision(Reason.NO_IDENTITY_POLICY)
    for limits, matching, reason in (
        (policies.boundary, boundary, Reason.NO_BOUNDARY),
        (policies.session, session, Reason.NO_SESSION_POLICY),
    ):
        if limits is not None and not any(_select(ALLOW, matching)):
            return Decision(reason)
    return Decision(Reason.ALLOWED, (*allowing, *by_resource))


def _list_matching(policies: Iterable[Policy], request: IamRequest) -> list[Statement]:
    return [
        statement
        for policy in policies
        for statement in policy.list_matching(request.action, request.resource, request.context)
    ]


def _list_granting(policy: Policy | None, request: IamRequest) -> list[tuple[Statement, Grant]]:
    """Return the statements of a resource policy about the request that name its principal, allowing or denying."""
    if policy is None:
        return []
    matching = [
        (statement, statement.principal.match(request.principal))
        for statement in _list_matching([policy], request)
        if statement.principal is not None
    ]
    return [(statement, grant) for statement, grant in matching if grant is not Grant.NONE]


def _select(effect: str, statements: Iterable[Statement]) -> Iterator[Statement]:
    return (statement for statement in statements if statement.effect == effect)


def _needs_resource_policy(policies: Policies, request: IamRequest) -> bool:
    return policies.requires_resource_policy or bool(request.principal.service) or _is_across_accounts(request)


def _is_across_accounts(request: IamRequest) -> bool:
    """Return whether principal and resource belong to two accounts, so that both must allow the request.

    A resource whose ARN has no account, such as an image, belongs to no account here.
    """
    if not request.principal.account:
        return False
    segments = request.resource.split(":", ARN_SEGMENTS - 1)
    owner = segments[4] if len(segments) == ARN_SEGMENTS else ""
    return owner.isdigit() and owner != request.principal.account
