"""Quotas of EC2 in vCPUs that the launches of a family use.

https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass


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

STANDARD_FAMILY = re.compile(r"(?:[acdhmrtz]|i|im|is)\d")
"""Families of the standard quotas, by the letters in their names: A, C, D, H, I, M, R, T and Z. Inf, Mac and Hpc have
quotas of their own. https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html"""

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
    (re.compile(r"p\d"), NEWER_P),
)


def find_quota_codes(family: str) -> QuotaCodes:
    """Return the quotas of a GPU family by its name. The names of the quotas list the series that they cover.

    No public source names the spot quota of p6 and later.
    """
    return next((codes for series, codes in _BY_SERIES if series.match(family)), QuotaCodes())


def find_instance_quota(type_name: str, *, is_spot: bool) -> str | None:
    """Return the code of the quota that an instance of a type uses, whether or not the catalog has it; None: unknown.

    The letters in the name of a family show whether the standard quotas are its own.
    """
    family = type_name.partition(".")[0]
    codes = STANDARD if STANDARD_FAMILY.match(family) else find_quota_codes(family)
    return codes.spot if is_spot else codes.on_demand
