"""Quotas in an item of the offers table: a line for each code with its vCPUs, those in use, and those in foreign use.

L-DB2E81BA 64 12 4
L-417A185B 0 - -

`-`: unknown. A line of an earlier version lacks the last number: it is unknown.
"""

from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.offers.quotas import QuotaReading

UNKNOWN = "-"


def format_quotas(reading: QuotaReading) -> str:
    """Return the lines of a reading, sorted by code."""
    columns = (reading.limits, reading.use, reading.foreign_use)
    codes = sorted({*reading.limits, *reading.use})
    return "\n".join(" ".join((code, *(_format(column, code) for column in columns))) for code in codes)


def parse_quotas(text: str, read_at: datetime) -> QuotaReading:
    """Return the reading of lines.

    :raises ValueError: a line is not in the form of this module
    """
    limits, use, foreign_use = {}, {}, {}
    for line in text.splitlines():
        code, limit, used, *foreign = line.split(" ")
        if limit != UNKNOWN:
            limits[code] = int(limit)
        use[code] = _parse(used)
        if foreign and foreign[0] != UNKNOWN:
            foreign_use[code] = _parse(foreign[0])
    return QuotaReading(read_at=read_at, limits=limits, use=use, foreign_use=foreign_use)


def _parse(text: str) -> int | None:
    return None if text == UNKNOWN else int(text)


def _format(values: Mapping[str, int | None], code: str) -> str:
    value = values.get(code)
    return UNKNOWN if value is None else str(value)
