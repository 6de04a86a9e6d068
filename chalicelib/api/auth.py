"""Authenticate callers by bearer token (RFC 6750), and find the owner for whom they act."""

import re
from collections.abc import Callable
from datetime import datetime

from chalicelib.domain.access.actor import Actor
from chalicelib.domain.access.token_holder import TokenHolder
from chalicelib.domain.common.errors import ErrorCode, FieldError, Unauthenticated, ValidationFailed

TOKEN_PATTERN = re.compile(r"gpd_[A-Za-z0-9_-]{20,100}")

FindHolder = Callable[[str, datetime], TokenHolder | None]
"""Returns the holder of a token at a time, or None if the token is unknown or has expired."""

AUTH_HINT = "Ask an admin for a token and send it as 'Authorization: Bearer gpd_...'."


def authenticate(header: str | None, find_holder: FindHolder, now: datetime) -> TokenHolder:
    """Return the holder of the token in the Authorization header.

    :raises Unauthenticated: the header is missing or uses another scheme, or the token is malformed, unknown or expired
    """
    if not header:
        raise Unauthenticated(f"This request requires a token. {AUTH_HINT}", code=ErrorCode.TOKEN_MISSING)
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated(
            f"The Authorization header does not use the Bearer scheme. {AUTH_HINT}", code=ErrorCode.TOKEN_MISSING
        )
    if not TOKEN_PATTERN.fullmatch(token.strip()):
        raise Unauthenticated(f"The token is malformed. {AUTH_HINT}", code=ErrorCode.INVALID_TOKEN)
    holder = find_holder(token.strip(), now)
    if holder is None:
        raise Unauthenticated(f"The token is unknown or has expired. {AUTH_HINT}", code=ErrorCode.INVALID_TOKEN)
    return holder


def resolve_actor(caller: TokenHolder, *requested_owners: str | None) -> Actor:
    """Return the caller, with the owner for whom they act if the request names one.

    :param requested_owners: the owner in the query, and the owner in the path or body; None: no owner there
    :raises Forbidden: a user names another owner
    :raises ValidationFailed: the request names different owners
    """
    owners = {owner for owner in requested_owners if owner is not None}
    if len(owners) > 1:
        message = "The owner in the query differs from the owner in the path or body. Send one."
        raise ValidationFailed(message, errors=(FieldError("owner", "must be the same in query and path or body"),))
    return Actor(owner=caller.owner, role=caller.role, on_behalf_of=next(iter(owners), None)).check_delegation()
