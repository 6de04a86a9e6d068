"""Define the reason of a state or a decision. The probe carries it, and of gpudesk it imports only `untrusted_text`."""

from dataclasses import dataclass

from chalicelib.domain.common.untrusted_text import strip_to_line


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A code for programs and a message for people, on one line and without control characters."""

    code: str
    message: str

    def __post_init__(self) -> None:
        """Clean the message, because it may quote AWS, a machine or a user."""
        object.__setattr__(self, "message", strip_to_line(self.message))
