"""Who is asking: a bearer token (RFC 6750), looked up by its hash, and for whom they ask."""

import re
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.common.errors import ErrorCode, FieldError, Unauthenticated, ValidationFailed
from chalicelib.store.tokens import TokenHolder, TokenRepository

TOKEN = re.compile(r"gpd_[A-Za-z0-9_-]{20,100}")

AUTH_HINT = "send 'Authorization: Bearer gpd_...' with a token that an admin of this desk gave you"


def authenticate(header: str | None, tokens: TokenRepository, now: datetime) -> TokenHolder:
    """:raises Unauthenticated: no token, no token's shape, one that is unknown, or one that has expired"""
    if not header:
        raise Unauthenticated(f"this needs a token: {AUTH_HINT}", code=ErrorCode.TOKEN_MISSING)
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(f"the Authorization header is of another kind: {AUTH_HINT}", code=ErrorCode.TOKEN_MISSING)
    if not TOKEN.fullmatch(token.strip()):
        raise Unauthenticated(f"that is not a token of this desk: {AUTH_HINT}", code=ErrorCode.INVALID_TOKEN)
    caller = tokens.authenticate(token.strip(), now)
    if caller is None:
        raise Unauthenticated(f"the token is unknown or has expired: {AUTH_HINT}", code=ErrorCode.INVALID_TOKEN)
    return caller


def resolve_actor(caller: TokenHolder, *named: str | None) -> Actor:
    """The caller, and the owner for whom they ask, where the request names one.

    :param named: as the query and the body name the owner
    :raises Forbidden: a user names somebody else
    :raises Invalid: query and body name different ones
    """
    owners = {name for name in named if name is not None}
    if len(owners) > 1:
        wrong = FieldError("owner", "query and body name different owners")
        raise ValidationFailed("for whom is it?", errors=(wrong,))
    return Actor(owner=caller.owner, role=caller.role, on_behalf_of=next(iter(owners), None)).check_delegation()
