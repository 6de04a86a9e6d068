"""The desk's own exceptions.

DeskError
├── Refused             a person asked for something that cannot be: mapped to 4xx, with the fields
│   ├── Invalid         a field is wrong
│   ├── NotFound        no such instance, token or route
│   ├── Forbidden       somebody else's
│   ├── Unauthenticated no token, or one that is not valid
│   └── Conflict        what stands now does not allow it
├── NotDelivered        a channel did not take what people are to be told; it is tried again
└── CloudError          AWS said no: the loop decides what follows
    ├── TryLater        throttled, out of order, no answer: the same call again
    ├── NoCapacity      not here, not now: another zone
    ├── OverQuota       the account's limit
    ├── Missing         AWS does not know the id (yet, or any more)
    └── GiveUp          it will not work as asked, with what to do
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request, and what would be right."""

    field: str
    message: str


class DeskError(Exception):
    """The root of everything that the desk raises on purpose."""


class Refused(DeskError):
    """A request that cannot be granted.

    :param code: stable, for programs ("name_taken")
    :param sentence: for people: what was wrong and what would be right
    """

    default_code: ClassVar[str] = "refused"

    def __init__(self, sentence: str, *, code: str | None = None, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.default_code
        self.errors = errors


class Invalid(Refused):
    """One or more fields are wrong."""

    default_code = "invalid_request"


class NotFound(Refused):
    """There is no such thing, or it is not the caller's to know of."""

    default_code = "not_found"


class Forbidden(Refused):
    """The caller may not."""

    default_code = "forbidden"


class Unauthenticated(Refused):
    """The caller did not say who they are in a way that we can check."""

    default_code = "unauthenticated"


class Conflict(Refused):
    """The state of things does not allow it now."""

    default_code = "conflict"


class NotDelivered(DeskError):
    """A channel did not take it; the text says why."""


class CloudError(DeskError):
    """AWS refused or did not answer.

    :param code: AWS's own error code, or ours where there was no answer
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class TryLater(CloudError):
    """The same call may succeed later; whether this one took effect is not known."""


class NoCapacity(CloudError):
    """AWS has no such instance to give in this zone now."""


class OverQuota(CloudError):
    """The account's limit does not allow it."""


class Missing(CloudError):
    """AWS does not know the id: not yet, or no longer."""


class GiveUp(CloudError):
    """Asked like this it never works: a permission, a parameter, a type that is not offered."""
