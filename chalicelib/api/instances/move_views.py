"""Queries, bodies and views of moves."""

from decimal import Decimal

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.common_views import format_decimal
from chalicelib.api.instances.views import InstanceWithWarningsView
from chalicelib.api.request_models import OwnerQuery, RequestModel
from chalicelib.domain.instances.move_estimate import MoveEstimate
from chalicelib.domain.launch.move_target import MoveRequest

REGION = Field(None, min_length=1, max_length=40, description="an AWS region, e.g. us-east-1; default: the present one")
ZONE = Field(
    None,
    min_length=1,
    max_length=40,
    description="a zone of the region, e.g. us-east-1b; default: any but the present one",
)
TYPE = Field(None, min_length=1, max_length=60, description="an EC2 instance type; default: the present one")


class MoveBody(RequestModel):
    """The target of a move. Without region and zone, the instance moves to another zone of its region."""

    region: str | None = REGION
    zone: str | None = ZONE
    instance_type: str | None = TYPE

    def to_request(self) -> MoveRequest:
        """Return the request."""
        return MoveRequest(region=self.region, zone=self.zone, instance_type=self.instance_type)


class MoveQuery(OwnerQuery):
    """The target of the move to estimate."""

    region: str | None = REGION
    zone: str | None = ZONE
    instance_type: str | None = TYPE

    def to_request(self) -> MoveRequest:
        """Return the request."""
        return MoveRequest(region=self.region, zone=self.zone, instance_type=self.instance_type)


class MoveEstimateView(TypedDict):
    """The duration and the costs of a move. Costs are maximums in US dollars, because AWS bills only blocks with data.

    `transfer_cost`: of the copy to another region. `storage_cost`: of the snapshots and the second disk meanwhile.
    `price_per_hour`: of the instance afterwards; on spot the lowest known one of the zones that it can
    move to. `sources`: of the prices. `quota_excess`: the quota for which the move is refused now; null: none is known.
    null elsewhere: unknown.
    """

    region: str
    zone: str | None
    instance_type: str
    disk_gib: int | None
    expected_minutes: int | None
    transfer_cost: str | None
    storage_cost: str | None
    price_per_hour: str | None
    sources: list[str]
    quota_excess: str | None
    message: str


class MovingInstanceView(InstanceWithWarningsView):
    """The instance after the request for a move, with the estimate."""

    estimate: MoveEstimateView


def to_estimate_view(estimate: MoveEstimate) -> MoveEstimateView:
    """Return the view of an estimate."""
    minutes = int(estimate.duration.total_seconds() // 60) if estimate.duration else None
    return {
        "region": estimate.target.region,
        "zone": estimate.target.zone,
        "instance_type": estimate.target.hardware.instance_type,
        "disk_gib": estimate.disk_gib,
        "expected_minutes": minutes,
        "transfer_cost": _format(estimate.transfer_cost),
        "storage_cost": _format(estimate.storage_cost),
        "price_per_hour": _format(estimate.price_per_hour),
        "sources": [*estimate.sources],
        "quota_excess": estimate.quota_excess,
        "message": estimate.text,
    }


def _format(usd: Decimal | None) -> str | None:
    return None if usd is None else format_decimal(usd)
