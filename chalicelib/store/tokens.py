"""The tokens table: bearer tokens, created once, shown once, and stored as hashes only."""

import hashlib
import secrets
from datetime import datetime, timedelta

from pynamodb.attributes import TTLAttribute, UnicodeAttribute

from chalicelib.domain.access.actor import Role
from chalicelib.domain.access.token_holder import TokenHolder
from chalicelib.domain.common.deadlines import TOKEN_VALID_FOR
from chalicelib.store.connections import TableMeta, TableModel
from chalicelib.store.dynamo import find_item


class TokenModel(TableModel):
    """A bearer token, known by its hash only."""

    class Meta(TableMeta):
        """The name of the table."""

        base_name = "tokens"

    hash = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute()
    owner = UnicodeAttribute()
    role = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires_at = TTLAttribute()


class TokenRepository:
    """The tokens table."""

    def create(self, owner: str, role: Role, *, now: datetime, valid_for: timedelta = TOKEN_VALID_FOR) -> str:
        """Create a token. It has 256 random bits, so an unsalted hash of it reveals nothing.

        :returns: the token itself; it cannot be read again
        """
        token = f"gpd_{secrets.token_urlsafe(32)}"
        TokenModel(
            _hash(token),
            id=f"tok-{secrets.token_hex(6)}",
            owner=owner,
            role=str(role),
            created_at=now.isoformat(),
            expires_at=now + valid_for,
        ).save()
        return token

    def find_holder(self, token: str, now: datetime) -> TokenHolder | None:
        """Return the holder of a token, or None if the token is unknown or has expired."""
        item = find_item(TokenModel, _hash(token), consistent=False)
        if item is None:
            return None
        # DynamoDB deletes an expired token within some days.
        if item.expires_at <= now:
            return None
        return _to_holder(item)

    def delete_all(self, owner: str) -> list[TokenHolder]:
        """Delete all tokens of an owner, and return whom they belonged to, in the order of their expiry.

        The scan reads the whole table: a team has few tokens. A token that is created at the same time may remain.
        """
        found = list(TokenModel.scan(TokenModel.owner == owner, consistent_read=True))
        for item in found:
            item.delete()
        return sorted((_to_holder(item) for item in found), key=lambda holder: holder.expires_at)


def _to_holder(item: TokenModel) -> TokenHolder:
    return TokenHolder(owner=item.owner, role=Role(item.role), token_id=item.id, expires_at=item.expires_at)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
