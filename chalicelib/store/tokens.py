"""Bearer tokens: made once, shown once; only the hash is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.exceptions import DoesNotExist

from chalicelib.domain.access.actor import Role
from chalicelib.store.models import TokenModel


@dataclass(frozen=True, kw_only=True)
class TokenHolder:
    """Who is asking, as their token says."""

    owner: str
    role: Role
    token_id: str
    expires_at: datetime


class TokenRepository:
    """The tokens table."""

    def create(self, owner: str, role: Role, *, now: datetime, life: timedelta = timedelta(days=90)) -> str:
        """A new token: 256 bits of chance, so that a plain hash of it tells nothing.

        :returns: the token itself; it cannot be read again
        """
        token = f"gpd_{secrets.token_urlsafe(32)}"
        TokenModel(
            _hash(token),
            id=f"tok-{secrets.token_hex(6)}",
            owner=owner,
            role=str(role),
            created_at=now.isoformat(),
            expires_at=(now + life).isoformat(),
        ).save()
        return token

    def authenticate(self, token: str, now: datetime) -> TokenHolder | None:
        """Whose token it is; None where it is unknown or has expired."""
        try:
            found = TokenModel.get(_hash(token))
        except DoesNotExist:
            return None
        expires_at = datetime.fromisoformat(found.expires_at)
        if expires_at <= now:
            return None
        return TokenHolder(owner=found.owner, role=Role(found.role), token_id=found.id, expires_at=expires_at)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
