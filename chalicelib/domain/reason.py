"""Why something is as it is."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A code for programs, a sentence for people."""

    code: str
    sentence: str
