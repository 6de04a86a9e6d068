"""Views of /me."""

from typing_extensions import TypedDict


class TokenView(TypedDict):
    """The token that authenticated the request, without its secret."""

    id: str
    expires_at: str


class MeView(TypedDict):
    """The authenticated caller; `role` is user, admin or bot.

    `on_behalf_of`: the owner that requests with the same `owner` query concern; without one it is the caller.
    """

    owner: str
    role: str
    on_behalf_of: str
    token: TokenView
