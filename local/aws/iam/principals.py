"""Principals: who makes a request, and whom a resource policy or a trust policy names.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from local.aws.iam.elements import to_list
from local.aws.iam.errors import UnknownPolicyElement

_ACCOUNT = re.compile(r"(?:arn:aws[a-z-]*:iam::)?(?P<account>[0-9]{12})(?::root)?")
_ARN = re.compile(r"arn:aws[a-z-]*:(iam|sts)::[0-9]{12}:(role|user|assumed-role)/[^*?]+")


class Grant(IntEnum):
    """How closely a resource policy names the principal of a request, in the order of the effect."""

    NONE = 0
    ACCOUNT = 1
    """The policies of the principal's account must allow the request, too."""
    ROLE = 2
    """Session policies and permissions boundaries still limit the request."""
    SESSION = 3
    """Named as a session or user, or as a service: the resource policy alone allows the request."""


@dataclass(frozen=True)
class Principal:
    """The sender of a request: the session of a role, a user, or a service.

    :param arn: ARN of the session (`assumed-role/ROLE/NAME`) or of the user
    :param role_arn: ARN of the role of a session
    :param service: such as `events.amazonaws.com`, for a service that acts for itself
    """

    arn: str = ""
    role_arn: str = ""
    account: str = ""
    service: str = ""


@dataclass(frozen=True)
class PrincipalPattern:
    """The element `Principal` of a statement.

    :param is_anyone: `*`
    """

    is_anyone: bool = False
    accounts: frozenset[str] = frozenset()
    arns: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()

    def match(self, principal: Principal) -> Grant:
        """Return how closely the statement names a principal."""
        if principal.service:
            return Grant.SESSION if self.is_anyone or principal.service in self.services else Grant.NONE
        if principal.arn in self.arns:
            return Grant.SESSION
        if self.is_anyone or (principal.role_arn and principal.role_arn in self.arns):
            return Grant.ROLE
        return Grant.ACCOUNT if principal.account in self.accounts else Grant.NONE


def parse_principal(element: str | Mapping[str, Any]) -> PrincipalPattern:
    """Parse the element `Principal`.

    :raises UnknownPolicyElement: it names a kind of principal that is not known here
    """
    if element == "*":
        return PrincipalPattern(is_anyone=True)
    if isinstance(element, str) or element.keys() - {"AWS", "Service"}:
        raise UnknownPolicyElement(f"A principal must be *, AWS or Service, not {element!r}.")
    names = to_list(element.get("AWS", []))
    accounts, arns = set(), set()
    for name in names:
        if match := _ACCOUNT.fullmatch(name):
            accounts.add(match["account"])
        elif _ARN.fullmatch(name):
            arns.add(name)
        elif name != "*":
            raise UnknownPolicyElement(f"A principal must be an account, a role, a session or a user, not {name!r}.")
    services = frozenset(to_list(element.get("Service", [])))
    return PrincipalPattern("*" in names, frozenset(accounts), frozenset(arns), services)
