"""What every form is, and what several of them ask for."""

from typing import Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

OWNER = r"^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$"
OWNER_DESCRIPTION = "a person's name: 1 to 64 letters, digits and . _ @ + -"


def _not_null(value: Any) -> Any:
    if value is None:
        raise ValueError("null")
    return value


RejectNull = BeforeValidator(_not_null)
"""For what may be left out, but not be emptied."""


class RequestModel(BaseModel):
    """Nothing is guessed: "64" is no number, and a field that we do not know is a mistake."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class EmptyModel(RequestModel):
    """A request that has nothing to say."""
