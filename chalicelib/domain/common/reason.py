"""Define the reason of a state or a decision. The probe carries it, so it imports only the standard library."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A code for programs and a message for people."""

    code: str
    message: str
