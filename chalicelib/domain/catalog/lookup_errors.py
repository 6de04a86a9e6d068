"""Errors of a look-up in the catalog: what does not exist, and what is similar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chalicelib.domain.common.accepted_values import describe_accepted_values
from chalicelib.domain.common.text import join_or


class UnknownType(ValueError):
    """The catalog has no such instance type.

    :param suggestions: the most similar names
    """

    def __init__(self, name: str, suggestions: Iterable[str]) -> None:
        """Build the message of the exception from the unknown name and the suggestions."""
        self.suggestions = tuple(suggestions)
        super().__init__(f"Unknown instance type {name!r}.{_format_suggestions(self.suggestions)}")


class UnknownGpu(ValueError):
    """The catalog has no such GPU.

    :param suggestions: the most similar names
    :param known: the names of all GPUs, which the message lists if none is similar
    """

    def __init__(self, name: str, suggestions: Iterable[str], known: Sequence[str]) -> None:
        """Build the message of the exception from the unknown name and the suggestions."""
        self.suggestions = tuple(suggestions)
        help_text = _format_suggestions(self.suggestions) or f" It must be one of {describe_accepted_values(known)}."
        super().__init__(f"Unknown GPU {name!r}.{help_text}")


class NoMatchingType(ValueError):
    """The GPU exists, but not in this number or not in this region. The message says what exists.

    :param field: the field of a launch request that has to change
    """

    def __init__(self, message: str, field: str = "gpu") -> None:
        """Store the message for people and the field."""
        self.field = field
        super().__init__(message)


def _format_suggestions(suggestions: tuple[str, ...]) -> str:
    return f" Did you mean {join_or(suggestions)}?" if suggestions else ""
