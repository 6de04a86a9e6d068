"""The table of docs/billing.md, as data."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.common.event_codes import Audience, EventCode

PAGE = Path(__file__).parents[3] / "docs" / "billing.md"
AT_ONCE_MINUTES = 2
"""One sweep to see the state, and one to act."""

_AUDIENCES: Mapping[str, frozenset[Audience]] = {
    "owner": frozenset({Audience.OWNER}),
    "admins": frozenset({Audience.ADMIN}),
    "owner and admins": frozenset(Audience),
}
_CODE = re.compile(r"`(?P<code>\w+)`(?: at once| after (?P<minutes>\d+) min)")
_ROW = re.compile(r"\| (.+) \|")


@dataclass(frozen=True)
class NotifiedCode:
    """A code that people are notified.

    :param minutes: the time by which it stands in the timeline
    :param is_daily: it comes again each day
    """

    code: EventCode
    audience: frozenset[Audience]
    minutes: int
    is_daily: bool


@dataclass(frozen=True)
class BilledState:
    """One row of the table.

    :param minutes: the time by which EC2 has stopped or terminated the instance; None: nothing ends the state by itself
    """

    state: str
    phase: str
    minutes: int | None
    notified: tuple[NotifiedCode, ...]


def read_billed_states() -> list[BilledState]:
    """Return the rows of the table."""
    rows = [match[1].split(" | ") for line in PAGE.read_text().splitlines() if (match := _ROW.fullmatch(line))]
    return [_parse(*row) for row in rows[1:]]


def _parse(state: str, phase: str, _end: str, limit: str, notified: str) -> BilledState:
    minutes = None if limit == "never by itself" else int(limit.removesuffix(" min"))
    return BilledState(state, phase.strip("`"), minutes, tuple(_parse_notified(notified)))


def _parse_notified(notified: str) -> Iterator[NotifiedCode]:
    for clause in notified.split("; "):
        audience, _, codes = clause.partition(": ")
        for match in _CODE.finditer(codes):
            minutes = int(match["minutes"] or AT_ONCE_MINUTES)
            yield NotifiedCode(EventCode(match["code"]), _AUDIENCES[audience], minutes, codes.endswith("each day"))
