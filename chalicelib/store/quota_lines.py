"""Quotas in an item of the offers table: a line for each code with its vCPUs and those in use; `-`: unknown.

L-DB2E81BA 64 12
L-417A185B 0 -
"""

from collections.abc import Mapping
from datetime import datetime

from chalicelib.domain.offers.quotas import QuotaReading

UNKNOWN = "-"


def format_quotas(reading: QuotaReading) -> str:
    """Return the lines of a reading, sorted by code."""
    codes = sorted({*reading.limits, *reading.use})
    return "\n".join(f"{code} {_format(reading.limits, code)} {_format(reading.use, code)}" for code in codes)


def parse_quotas(text: str, read_at: datetime) -> QuotaReading:
    """Return the reading of lines.

    :raises ValueError: a line is not in the form of this module
    """
    limits, use = {}, {}
    for line in text.splitlines():
        code, limit, used = line.split(" ")
        if limit != UNKNOWN:
            limits[code] = int(limit)
        use[code] = None if used == UNKNOWN else int(used)
    return QuotaReading(read_at=read_at, limits=limits, use=use)


def _format(values: Mapping[str, int | None], code: str) -> str:
    value = values.get(code)
    return UNKNOWN if value is None else str(value)
