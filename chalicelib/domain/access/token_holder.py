"""The holder of a bearer token, as the tokens table knows it."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.domain.access.actor import Role


@dataclass(frozen=True, kw_only=True)
class TokenHolder:
    """The person or bot that a valid token belongs to.

    :param token_id: names the token in answers, without revealing it
    """

    owner: str
    role: Role
    token_id: str
    expires_at: datetime
