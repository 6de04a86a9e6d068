"""Body and views of /foreign-instances, /instances/adopt and /adoptions."""

from pydantic import Field
from typing_extensions import TypedDict

from chalicelib.api.code_schemas import AdoptionStateText, Ec2StateText, OfferMarketText
from chalicelib.api.common_views import WriteWarningView, format_decimal, format_optional_timestamp, to_warnings_view
from chalicelib.api.request_models import (
    EC2_ID_DESCRIPTION,
    EC2_ID_PATTERN,
    OWNER_DESCRIPTION,
    OWNER_PATTERN,
    RequestModel,
)
from chalicelib.control.services.foreign import AdoptionStatus
from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.common.money import round_usd
from chalicelib.domain.common.regions import REGION_PATTERN
from chalicelib.domain.common.text import format_timestamp
from chalicelib.domain.foreign.instance import ForeignInstance, compute_daily_price
from chalicelib.domain.foreign.inventory import RegionReading


class AdoptBody(RequestModel):
    """The EC2 instance that gpudesk is to adopt."""

    instance_id: str = Field(pattern=EC2_ID_PATTERN, description=EC2_ID_DESCRIPTION)
    owner: str = Field(pattern=OWNER_PATTERN, description=OWNER_DESCRIPTION)
    region: str | None = Field(
        None,
        pattern=f"^{REGION_PATTERN}$",
        description="a region in which gpudesk is deployed, e.g. us-east-1; the default is the region in which GET "
        "/foreign-instances lists the instance",
    )


class ForeignInstanceView(TypedDict):
    """A GPU instance of the account that this gpudesk does not manage.

    `launched_at`: its launch or last start. `price_per_day`: at list prices, without its disks; 0 while it is stopped.
    `disk_price_per_day`: null unless all of its disks are gp3. `tags`: at most 10, values cut to 60 characters.
    `managed_by`: the service of AWS that manages it, as its tags say. `other_stage`: the stage of another gpudesk that
    manages it.
    """

    instance_id: str
    name: str
    region: str
    zone: str
    instance_type: str
    gpu: str | None
    gpu_count: int | None
    market: OfferMarketText | None
    state: Ec2StateText
    launched_at: str
    price_per_day: str | None
    disk_price_per_day: str | None
    tags: dict[str, str]
    managed_by: str | None
    other_stage: str | None


class UnreadRegionView(TypedDict):
    """A region that could not be read the last time. The instances of its last reading are listed.

    `read_at`: when it was last read; null: never.
    """

    region: str
    read_at: str | None
    message: str


class AdoptTagView(TypedDict):
    """The tag that an admin of the AWS account sets on an instance to let gpudesk adopt it."""

    key: str
    value: str


class ForeignInstancesView(TypedDict):
    """One page of foreign instances.

    `as_of`: when gpudesk last read the regions; null: not yet. `left_out_count`: instances that gpudesk does not keep,
    because there are too many. `region_count`: the enabled regions. `adopt_tag`: the tag that allows an adoption.
    """

    items: list[ForeignInstanceView]
    next_cursor: str | None
    as_of: str | None
    region_count: int
    unread_regions: list[UnreadRegionView]
    left_out_count: int
    adopt_tag: AdoptTagView


class AdoptionView(TypedDict):
    """A request to adopt an EC2 instance. `id`: the id of the EC2 instance.

    `message`: why it has its state, and what to do. `record_id`: the id of the instance in gpudesk; null: it has no
    record yet.
    """

    id: str
    region: str
    owner: str
    state: AdoptionStateText
    message: str
    requested_by: str
    requested_at: str
    state_at: str
    record_id: str | None


class AdoptionWithWarningsView(AdoptionView):
    """The adoption after the request, with remarks on it."""

    warnings: list[WriteWarningView]


def to_foreign_instance_view(instance: ForeignInstance, catalog: InstanceTypeCatalog) -> ForeignInstanceView:
    """Return the view of a foreign instance."""
    known, price = catalog.types.get(instance.instance_type), compute_daily_price(instance, catalog)
    return {
        "instance_id": instance.instance_id,
        "name": instance.name,
        "region": instance.region,
        "zone": instance.zone,
        "instance_type": instance.instance_type,
        "gpu": known.gpu if known else None,
        "gpu_count": known.gpu_count if known else None,
        "market": str(instance.market) if instance.market else None,
        "state": str(instance.state),
        "launched_at": format_timestamp(instance.launched_at),
        "price_per_day": None if price.instance is None else format_decimal(round_usd(price.instance)),
        "disk_price_per_day": None if price.disks is None else format_decimal(round_usd(price.disks)),
        "tags": dict(instance.tags),
        "managed_by": instance.manager,
        "other_stage": instance.other_stage,
    }


def to_unread_region_view(reading: RegionReading) -> UnreadRegionView:
    """Return the view of a region that could not be read."""
    return {
        "region": reading.region,
        "read_at": format_optional_timestamp(reading.read_at),
        "message": reading.problem or "",
    }


def to_adoption_view(status: AdoptionStatus) -> AdoptionView:
    """Return the view of an adoption."""
    adoption = status.adoption
    return {
        "id": adoption.instance_id,
        "region": adoption.region,
        "owner": adoption.owner,
        "state": "adopted" if status.has_record else str(adoption.state),
        "message": adoption.message,
        "requested_by": adoption.requested_by,
        "requested_at": format_timestamp(adoption.requested_at),
        "state_at": format_timestamp(adoption.state_at),
        "record_id": adoption.record_id if status.has_record else None,
    }


def to_requested_view(status: AdoptionStatus) -> AdoptionWithWarningsView:
    """Return the view of an adoption after its request."""
    return {**to_adoption_view(status), "warnings": to_warnings_view(*status.warnings)}
