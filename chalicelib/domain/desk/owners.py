"""What is set for one owner: a policy of their own within the desk's limits, and where they are told."""

from dataclasses import dataclass

from chalicelib.domain.desk.channels import Channels
from chalicelib.domain.desk.policy_limits import PolicyOverride


@dataclass(frozen=True, kw_only=True)
class OwnerSettings:
    """As `GET /owners/{owner}` shows them; an owner of whom nothing is set has the desk's."""

    owner: str
    policy: PolicyOverride = PolicyOverride()
    channels: Channels = Channels()
    version: int | None = None
