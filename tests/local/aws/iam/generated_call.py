"""A generated call with the policies about it."""

from dataclasses import asdict, dataclass
from typing import Any

from local.settings import ACCOUNT

ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/gpudesk-dev-control"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT}:assumed-role/gpudesk-dev-control/sweep"
USER_ID = "AROAEXAMPLE:i-0123456789abcdef0"

MULTIVALUED = ("aws:tagkeys", "dynamodb:leadingkeys", "dynamodb:attributes")
"""Keys of conditions that have several values, in lower case."""


@dataclass
class GeneratedCall:
    """One request with all policies about it."""

    action: str
    resource: str
    context: dict[str, str | list[str]]
    identity: list[dict[str, Any]]
    session: dict[str, Any] | None = None
    boundary: list[dict[str, Any]] | None = None
    resource_policy: dict[str, Any] | None = None
    principal: str = SESSION_ARN
    account: str = ACCOUNT

    def to_dict(self) -> dict[str, Any]:
        """Return the call as JSON."""
        return asdict(self)
