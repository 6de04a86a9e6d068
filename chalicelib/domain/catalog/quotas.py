"""Quotas of EC2 in vCPUs that the launches of a family use.

https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from chalicelib.domain.catalog.families import get_family_name
from chalicelib.domain.catalog.market import Market


@dataclass(frozen=True)
class QuotaCodes:
    """Codes in Service Quotas. None: unknown.

    :param on_demand: the quota of on-demand instances
    :param spot: that of spot requests
    """

    on_demand: str | None = None
    spot: str | None = None


STANDARD = QuotaCodes("L-1216C47A", "L-34B43A08")
G_AND_VT = QuotaCodes("L-DB2E81BA", "L-3819A6DF")
P2_TO_P4 = QuotaCodes("L-417A185B", "L-7212CCBC")
P5 = QuotaCodes("L-417A185B", "L-C4BD4855")
NEWER_P = QuotaCodes("L-417A185B")

NAMES = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-3819A6DF": "All G and VT Spot Instance Requests",
    "L-417A185B": "Running On-Demand P instances",
    "L-7212CCBC": "All P4, P3 and P2 Spot Instance Requests",
    "L-C4BD4855": "All P5 Spot Instance Requests",
}
"""Names of AWS by code."""

_BY_SERIES = (
    (re.compile(r"(g|gr|vt)\d"), G_AND_VT),
    (re.compile(r"p[2-4]"), P2_TO_P4),
    (re.compile(r"p5"), P5),
    (re.compile(r"p6e"), QuotaCodes()),
    (re.compile(r"p\d"), NEWER_P),
    (re.compile(r"([acdhmrtz]|i|im|is)\d"), STANDARD),
)
"""The quotas of families by the beginning of their names, the first that matches. Inf, Mac and Hpc have quotas of their
own. AWS sells P6e by Capacity Blocks, which count towards no quota in vCPUs.
https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html"""


def find_quota_codes(family: str) -> QuotaCodes:
    """Return the quotas of a family by its name. The names of the quotas list the series that they cover.

    No public source names the spot quota of p6 and later.
    """
    return next((codes for series, codes in _BY_SERIES if series.match(family)), QuotaCodes())


def find_quota_code(type_name: str, market: Market) -> str | None:
    """Return the code of the quota that an instance uses, also of a type that the catalog lacks; None: unknown."""
    codes = find_quota_codes(get_family_name(type_name))
    return codes.spot if market is Market.SPOT else codes.on_demand
