"""Who asks, and in whose name."""

from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.domain.errors import ErrorCode, FieldError, Forbidden, Invalid, NotFound
from chalicelib.domain.instance import Instance


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
    def acts_for(self) -> str:
        """Whose instances a request without further words is about."""
        return self.on_behalf_of or self.owner

    @property
    def sees_all(self) -> bool:
        """An admin, unless asking for somebody in particular."""
        return self.role is Role.ADMIN and self.on_behalf_of is None

    def checked(self) -> "Actor":
        """:raises Forbidden: a user asks for somebody else"""
        if self.role is Role.USER and self.on_behalf_of not in (None, self.owner):
            raise Forbidden("only an admin's or a bot's token may name another owner")
        return self

    def who_owns(self) -> str:
        """For whom something new is made.

        :raises Invalid: a bot owns nothing
        """
        if self.role is Role.BOT and not self.on_behalf_of:
            wrong = FieldError("owner", "a bot has to say for whom it asks")
            raise Invalid("a bot has to say for whom it asks", code=ErrorCode.OWNER_REQUIRED, errors=(wrong,))
        return self.acts_for

    def scope(self, owner: str | None) -> str | None:
        """Whose things a list is about; None is everybody's.

        :param owner: whom the request names, if anybody
        :raises Forbidden: a user names somebody else
        """
        if owner is not None:
            return replace(self, on_behalf_of=owner).checked().acts_for
        return None if self.sees_all else self.acts_for

    def may_see(self, instance: Instance, ref: str) -> Instance:
        """:raises NotFound: it is somebody else's, which is not told"""
        if self.sees_all or instance.owner == self.acts_for:
            return instance
        raise no_such(ref)

    def must_be_admin(self) -> None:
        """:raises Forbidden: the caller is none"""
        if self.role is not Role.ADMIN:
            raise Forbidden("only an admin may do that", code=ErrorCode.ADMIN_ONLY)


def no_such(ref: str) -> NotFound:
    """The same words whether it does not exist or is somebody else's."""
    return NotFound(
        f"there is no instance {ref[:60]!r} of yours; GET /instances lists them", code=ErrorCode.INSTANCE_NOT_FOUND
    )
