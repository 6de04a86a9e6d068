"""Calls that a service of AWS makes with a role. They are evaluated, and not made."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from local.aws.core.errors import CloudError
from local.aws.iam.access_checks.call import Call
from local.aws.iam.enforcement import Enforcement
from local.aws.iam.errors import UndecidedCall
from local.aws.iam.patterns import Context

LAMBDA = "lambda.amazonaws.com"
"""The principal of Lambda."""


@dataclass(frozen=True)
class ServiceSession:
    """The session in which a service acts as a role.

    :param service: principal of the service
    :param role: ARN of the role
    :param name: role session name
    :param context: further condition keys of the trust policy
    """

    service: str
    role: str
    name: str
    context: Context = field(default_factory=dict)


def find_refusal(enforcement: Enforcement, session: ServiceSession, calls: Iterable[Call]) -> Exception | None:
    """Return why the role does not trust the service or does not allow its calls; None: it does both.

    A refusal is counted like that of any other call.
    """
    try:
        role = enforcement.assume_for_service(session.service, session.role, session.name, session.context)
        for call in calls:
            enforcement.check(role, call)
    except (CloudError, UndecidedCall) as error:
        return error
    return None
