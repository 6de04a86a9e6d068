"""Costs of each owner, project or instance on each UTC day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from chalicelib.domain.common.money import round_usd
from chalicelib.domain.costs.day_parts import compute_day_costs
from chalicelib.domain.instances.billed_segment import BilledSegment, CostParts, add_parts
from chalicelib.domain.instances.billing import BillingState
from chalicelib.domain.instances.record import Instance


class CostGroup(StrEnum):
    """Dimension by which costs are summed."""

    OWNER = "owner"
    PROJECT = "project"
    INSTANCE = "instance"


@dataclass(frozen=True, kw_only=True)
class CostReport:
    """The days of a report, both limits included, what it sums by, and which segments it contains.

    :param project: None: all projects
    :param instance: the id, or a name that the instance had; None: all instances
    """

    since: date
    until: date
    group_by: CostGroup = CostGroup.OWNER
    project: str | None = None
    instance: str | None = None

    def accepts(self, segment: BilledSegment) -> bool:
        """Return whether a segment is part of the report."""
        return self._accepts(segment.project, segment.instance_id, segment.name)

    def accepts_instance(self, instance: Instance) -> bool:
        """Return whether the costs of an instance are part of the report."""
        return self._accepts(instance.spec.project, instance.id, instance.name)

    def _accepts(self, project: str | None, instance_id: str, name: str) -> bool:
        return (self.project is None or project == self.project) and self.instance in (None, instance_id, name)


@dataclass(frozen=True, kw_only=True)
class DayCost:
    """Costs of one owner, project or instance on one UTC day, in US dollars.

    :param owner: None in a sum by project
    :param project: None in a sum by owner, or of instances without a project
    :param instance_id: None unless costs are summed by instance
    :param instance_name: the latest name of that instance
    """

    owner: str | None
    project: str | None = None
    instance_id: str | None = None
    instance_name: str | None = None
    day: date
    instances: Decimal
    disks: Decimal
    addresses: Decimal
    images: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """Sum of all costs."""
        return self.instances + self.disks + self.addresses + self.images

    @property
    def key(self) -> str:
        """Text that no other cost of the same report has."""
        group = self.instance_id or (f"owner/{self.owner}" if self.owner else f"project/{self.project or ''}")
        return f"{self.day}/{group}"


@dataclass(frozen=True, kw_only=True)
class CostSummary:
    """The costs of a report.

    :param is_incomplete: costs are missing: gpudesk knows no price of them, or cannot read the record of an instance
    :param has_estimates: costs of images are among them, which are the most that their snapshots can cost
    """

    days: Sequence[DayCost]
    is_incomplete: bool
    has_estimates: bool = False

    @property
    def total(self) -> Decimal:
        """Sum of all days."""
        return round_usd(sum((day.total for day in self.days), Decimal(0)))


def summarize_costs(
    segments: Sequence[BilledSegment], report: CostReport, *, has_unreadable_records: bool
) -> CostSummary:
    """Return the costs of the segments of a report, and whether any are missing."""
    counted = [
        segment
        for segment in segments
        if report.accepts(segment) and segment.since.date() <= report.until and report.since <= segment.until.date()
    ]
    is_unpriced = any(segment.has_unknown_cost for segment in counted)
    return CostSummary(
        days=sum_costs_per_day(segments, report),
        is_incomplete=is_unpriced or has_unreadable_records,
        has_estimates=any(segment.state is BillingState.IMAGE for segment in counted),
    )


def sum_costs_per_day(segments: Iterable[BilledSegment], report: CostReport) -> list[DayCost]:
    """Sum the segments of a report per group and UTC day, sorted by day and group."""
    group_by = report.group_by
    sums: dict[tuple[date, str], CostParts] = {}
    latest: dict[str, BilledSegment] = {}
    for segment in filter(report.accepts, segments):
        group = _get_group(segment, group_by)
        if group not in latest or latest[group].until <= segment.until:
            latest[group] = segment
        for day, parts in compute_day_costs(segment):
            if report.since <= day <= report.until:
                sums[day, group] = add_parts(sums.get((day, group), CostParts()), parts)
    return [
        DayCost(
            owner=None if group_by is CostGroup.PROJECT else latest[group].owner,
            project=None if group_by is CostGroup.OWNER else latest[group].project,
            instance_id=group if group_by is CostGroup.INSTANCE else None,
            instance_name=latest[group].name if group_by is CostGroup.INSTANCE else None,
            day=day,
            instances=round_usd(parts.instance),
            disks=round_usd(parts.disk),
            addresses=round_usd(parts.address),
            images=round_usd(parts.images),
        )
        for (day, group), parts in sorted(sums.items(), key=lambda item: item[0])
    ]


def _get_group(segment: BilledSegment, group_by: CostGroup) -> str:
    match group_by:
        case CostGroup.OWNER:
            return segment.owner
        case CostGroup.PROJECT:
            return segment.project or ""
        case CostGroup.INSTANCE:
            return segment.instance_id
