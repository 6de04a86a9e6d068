"""What follows the question mark: texts, of which numbers and days are made."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from chalicelib.api.common_schemas import OWNER, OWNER_DESCRIPTION, RequestModel

FIRST_DAY, LAST_DAY = date(2020, 1, 1), date(2099, 12, 31)
DAY_DESCRIPTION = "a day from 2020 on, as YYYY-MM-DD, e.g. 2026-11-23"


def _whole(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("no whole number")
    return int(value)


def _day(value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("no day")
    return date.fromisoformat(value)


class OwnerQuery(RequestModel):
    """Every query may name the owner for whom an admin or a bot asks."""

    owner: str | None = Field(None, pattern=OWNER, description=OWNER_DESCRIPTION)


class PageQuery(OwnerQuery):
    """Some of a list."""

    limit: Annotated[int, BeforeValidator(_whole)] = Field(
        50, ge=1, le=100, description="a whole number from 1 to 100, e.g. 50"
    )
    cursor: str | None = Field(
        None, min_length=1, max_length=1000, description="the next_cursor of an earlier answer to the same list"
    )


class BenchmarkListing(PageQuery):
    """Which measurements: of one instance type, of one GPU."""

    instance_type: str | None = Field(
        None, min_length=1, max_length=60, description="an EC2 instance type, e.g. g4dn.xlarge"
    )
    gpu: str | None = Field(None, min_length=1, max_length=60, description="the name of a GPU, e.g. T4")


class CostListing(PageQuery):
    """Which days; both are included."""

    since: Annotated[date, BeforeValidator(_day)] | None = Field(
        None, ge=FIRST_DAY, le=LAST_DAY, description=DAY_DESCRIPTION
    )
    until: Annotated[date, BeforeValidator(_day)] | None = Field(
        None, ge=FIRST_DAY, le=LAST_DAY, description=DAY_DESCRIPTION
    )
