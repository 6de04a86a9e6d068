"""Collect what a search leaves out, grouped by reason."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class LeftOutCode(StrEnum):
    """Why types, regions or offers are not among the offers."""

    NO_MATCH = "no_match"
    TYPE_UNAVAILABLE = "type_unavailable"
    GPU_LIMIT = "gpu_limit"
    RECIPE_INCOMPATIBLE = "recipe_incompatible"
    NOT_OPTED_IN = "not_opted_in"
    NOT_DEPLOYED = "not_deployed"
    REGION_NOT_ALLOWED = "region_not_allowed"
    NOT_READ = "not_read"
    NOT_OFFERED = "not_offered"
    NO_SUBNET = "no_subnet"
    NOT_SOLD = "not_sold"
    QUOTA_EXCEEDED = "quota_exceeded"
    PRICE_UNKNOWN = "price_unknown"
    PRICE_TOO_HIGH = "price_too_high"


@dataclass(frozen=True)
class LeftOut:
    """Subjects that are left out for the same reason.

    :param message: the reason as a sentence
    :param subjects: types, regions or offers, sorted
    """

    code: LeftOutCode
    message: str
    subjects: tuple[str, ...]


@dataclass
class LeftOutCollector:
    """Groups what is left out by code and message, in the order in which a reason first occurs."""

    _groups: dict[tuple[LeftOutCode, str], set[str]] = field(default_factory=dict)

    def add(self, code: LeftOutCode, message: str, subject: str) -> None:
        """Add a subject. Adding it twice has no effect."""
        self._groups.setdefault((code, message), set()).add(subject)

    def list_groups(self) -> Iterator[LeftOut]:
        """Yield the groups."""
        for (code, message), subjects in self._groups.items():
            yield LeftOut(code, message, tuple(sorted(subjects)))
