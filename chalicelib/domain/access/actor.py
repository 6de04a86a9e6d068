"""Who asks, and in whose name."""

from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.domain.common.errors import ErrorCode, FieldError, Forbidden, NotFound, ValidationFailed


class Role(StrEnum):
    """What a token may do: its owner's own things; everything; act for others (the Slack bot)."""

    USER = "user"
    ADMIN = "admin"
    BOT = "bot"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """A caller.

    :param owner: whose token it is
    :param on_behalf_of: for whom an admin or a bot asks
    """

    owner: str
    role: Role
    on_behalf_of: str | None = None

    @property
    def name(self) -> str:
        """For the timeline: both names where there are two."""
        if self.on_behalf_of and self.on_behalf_of != self.owner:
            return f"{self.owner} for {self.on_behalf_of}"
        return self.owner

    @property
    def effective_owner(self) -> str:
        """Whose instances a request without further words is about."""
        return self.on_behalf_of or self.owner

    @property
    def can_see_all(self) -> bool:
        """An admin, unless asking for somebody in particular."""
        return self.role is Role.ADMIN and self.on_behalf_of is None

    def check_delegation(self) -> "Actor":
        """:raises Forbidden: a user asks for somebody else"""
        if self.role is Role.USER and self.on_behalf_of not in (None, self.owner):
            raise Forbidden("only an admin's or a bot's token may name another owner")
        return self

    def owner_for_new(self) -> str:
        """For whom something new is made.

        :raises Invalid: a bot owns nothing
        """
        if self.role is Role.BOT and not self.on_behalf_of:
            wrong = FieldError("owner", "a bot has to say for whom it asks")
            raise ValidationFailed("a bot has to say for whom it asks", code=ErrorCode.OWNER_REQUIRED, errors=(wrong,))
        return self.effective_owner

    def list_scope(self, owner: str | None) -> str | None:
        """Whose things a list is about; None is everybody's.

        :param owner: whom the request names, if anybody
        :raises Forbidden: a user names somebody else
        """
        if owner is not None:
            return replace(self, on_behalf_of=owner).check_delegation().effective_owner
        return None if self.can_see_all else self.effective_owner

    def check_access(self, owner: str, ref: str) -> None:
        """Check that the caller may see an instance of `owner`.

        :param ref: the name or id in the request, for the error
        :raises NotFound: it belongs to somebody else; the answer is the same as for an instance that does not exist
        """
        if not self.can_see_all and owner != self.effective_owner:
            raise instance_not_found(ref)

    def require_admin(self) -> None:
        """:raises Forbidden: the caller is none"""
        if self.role is not Role.ADMIN:
            raise Forbidden("only an admin may do that", code=ErrorCode.ADMIN_ONLY)


def instance_not_found(ref: str) -> NotFound:
    """The same words whether it does not exist or is somebody else's."""
    return NotFound(
        f"there is no instance {ref[:60]!r} of yours; GET /instances lists them", code=ErrorCode.INSTANCE_NOT_FOUND
    )
