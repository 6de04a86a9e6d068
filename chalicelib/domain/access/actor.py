"""Define the authenticated caller of a request, and what the caller is allowed to do."""

from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.domain.common.errors import ErrorCode, FieldError, Forbidden, NotFound, ValidationFailed


class Role(StrEnum):
    """Permission of a token.

    USER: everything with the owner's own instances and images. ADMIN: everything. BOT (the Slack bot): everything that
    a user is allowed to do, on behalf of any owner.
    """

    USER = "user"
    ADMIN = "admin"
    BOT = "bot"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The authenticated caller of a request.

    :param owner: the owner of the token
    :param on_behalf_of: the owner for whom an admin or a bot makes the request; None: the request names nobody
    """

    owner: str
    role: Role
    on_behalf_of: str | None = None

    @property
    def name(self) -> str:
        """Return the name for the timeline: "ada", or "slack for ada" if the request is for another owner."""
        if self.on_behalf_of and self.on_behalf_of != self.owner:
            return f"{self.owner} for {self.on_behalf_of}"
        return self.owner

    @property
    def effective_owner(self) -> str:
        """Return the owner whose instances the request is about, unless it names another owner."""
        return self.on_behalf_of or self.owner

    @property
    def can_see_all(self) -> bool:
        """Return whether the caller sees the instances of all owners: an admin who does not act for one owner."""
        return self.role is Role.ADMIN and self.on_behalf_of is None

    def check_delegation(self) -> "Actor":
        """Check that the caller may act for `on_behalf_of`.

        :returns: the caller itself
        :raises Forbidden: a user names another owner
        """
        if self.role is Role.USER and self.on_behalf_of not in (None, self.owner):
            raise Forbidden(
                "Your token allows requests only for yourself. Tokens of admins and bots can name another owner."
            )
        return self

    def require_owner(self) -> str:
        """Return the owner for whom the request is made.

        :raises ValidationFailed: a bot does not name an owner. A bot owns nothing.
        """
        if self.role is Role.BOT and not self.on_behalf_of:
            error = FieldError("owner", "is required with the token of a bot")
            message = "A bot owns nothing. Name the owner for whom you make the request."
            raise ValidationFailed(message, code=ErrorCode.OWNER_REQUIRED, errors=(error,))
        return self.effective_owner

    def resolve_owner_for_list(self, owner: str | None = None) -> str | None:
        """Return the owner whose objects a list shows.

        :param owner: the owner that the request names besides `on_behalf_of`
        :returns: None if the list shows the objects of all owners
        :raises Forbidden: a user names another owner
        :raises ValidationFailed: a bot does not name an owner
        """
        if owner is not None:
            return replace(self, on_behalf_of=owner).check_delegation().effective_owner
        return None if self.can_see_all else self.require_owner()

    def can_access(self, owner: str) -> bool:
        """Return whether the caller may see the objects of an owner."""
        return self.can_see_all or owner == self.effective_owner

    def check_access(self, owner: str, ref: str) -> None:
        """Check that the caller may see an instance of `owner`.

        :param ref: the name or id in the request, for the message
        :raises NotFound: the instance belongs to another owner; the answer does not show that it exists
        """
        if not self.can_access(owner):
            raise build_instance_not_found_error(ref)

    def require_admin(self, action: str) -> None:
        """Check that the caller is an admin.

        :param action: what only an admin can do, as "change the desk settings"
        :raises Forbidden: the caller is not an admin
        """
        if self.role is not Role.ADMIN:
            raise Forbidden(f"Only an admin can {action}.", code=ErrorCode.ADMIN_ONLY)


def build_instance_not_found_error(ref: str) -> NotFound:
    """Return the same error for an instance that does not exist and for one of another owner."""
    return NotFound(
        f"Instance {ref[:60]!r} was not found. GET /instances lists the instances that you can access.",
        code=ErrorCode.INSTANCE_NOT_FOUND,
    )


def build_image_not_found_error(ref: str) -> NotFound:
    """Return the same error for an image that does not exist and for one of another owner."""
    return NotFound(
        f"Image {ref[:60]!r} was not found. GET /images lists the images that you can access.",
        code=ErrorCode.IMAGE_NOT_FOUND,
    )
