"""Compare a quota of EC2 and its use with what a launch needs, in vCPUs.

What is unknown never rules out a launch: EC2 itself refuses one that does not fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.catalog.quotas import NAMES


class HeadroomKind(StrEnum):
    """Result of the comparison of a quota with the need of a launch."""

    ENOUGH = "enough"
    EXCEEDED = "exceeded"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Quota:
    """A quota of EC2 in one region.

    :param limit: vCPUs
    """

    code: str
    limit: int


@dataclass(frozen=True)
class Headroom:
    """The comparison of a quota and its use with the need of one launch.

    :param code: None: it is unknown which quota the launch uses
    :param limit: vCPUs; None: unknown, as in the other fields
    """

    code: str | None = None
    limit: int | None = None
    use: int | None = None
    need: int | None = None
    kind: HeadroomKind = HeadroomKind.UNKNOWN

    @property
    def free(self) -> int | None:
        """Return the vCPUs that are not in use; None: unknown."""
        return find_free(self.limit, self.use)

    @property
    def is_limit_enough(self) -> bool:
        """Return whether the launch would fit if nothing else used the quota; also if that is unknown."""
        return self.limit is None or self.need is None or self.need <= self.limit


def find_free(limit: int | None, use: int | None) -> int | None:
    """Return the vCPUs that are not in use, at least 0; None: the quota or its use is unknown."""
    return None if limit is None or use is None else max(0, limit - use)


def find_headroom(quota: Quota | None, use: int | None, need: int | None) -> Headroom:
    """Compare a quota and its use with the need of a launch, all in vCPUs. None: unknown."""
    code, limit = (quota.code, quota.limit) if quota else (None, None)
    free = find_free(limit, use)
    if free is None or need is None:
        kind = HeadroomKind.UNKNOWN
    else:
        kind = HeadroomKind.ENOUGH if need <= free else HeadroomKind.EXCEEDED
    return Headroom(code, limit, use, need, kind)


def describe_excess(headroom: Headroom, region: str, needs: Mapping[str, int]) -> str:
    """Return the sentence that says why launches do not fit in a quota.

    :param headroom: of one of them
    :param needs: the vCPUs of each type that does not fit, by its name
    """
    code = headroom.code or ""
    quota = f"Quota {code} ({NAMES[code]}) in {region}: {headroom.limit} vCPUs, {headroom.use} in use"
    if len(needs) == 1:
        ((name, need),) = needs.items()
        return f"{quota}; {name} needs {need}."
    least, most = min(needs.values()), max(needs.values())
    return f"{quota}; each of these types needs {least if least == most else f'{least} to {most}'}."
