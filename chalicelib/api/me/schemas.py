"""Views of /me."""

from typing_extensions import TypedDict

from chalicelib.api.code_schemas import RoleText


class TokenView(TypedDict):
    """The token that authenticated the request, without its secret."""

    id: str
    expires_at: str


class MeView(TypedDict):
    """The authenticated caller; `role` is user, admin or bot.

    `on_behalf_of`: the owner for whom the caller acts, which is the `owner` of the query or else the caller.
    """

    owner: str
    role: RoleText
    on_behalf_of: str
    token: TokenView
