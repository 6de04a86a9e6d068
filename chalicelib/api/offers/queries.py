"""Queries of /offers, /quotas and /regions."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from chalicelib.api.request_models import Dollars, PageQuery, parse_whole_number
from chalicelib.domain.common.regions import REGION_PATTERN

NEAR_DESCRIPTION = (
    "a region of AWS such as eu-west-1, a time zone such as Europe/Berlin, or latitude,longitude in degrees such as "
    "52.5,13.4; the default is the home region of gpudesk"
)
GPU_DESCRIPTION = "the name of a GPU, e.g. T4"


class OfferSearchQuery(PageQuery):
    """The search for offers. A field that is left out allows everything, and types without a GPU only if
    `instance_type` names one."""

    ignored_fields = frozenset({"owner"})
    gpu: str | None = Field(None, min_length=1, max_length=60, description=GPU_DESCRIPTION)
    gpu_count: Annotated[int, Field(ge=1, le=64), BeforeValidator(parse_whole_number)] | None = Field(
        None, description="a whole number of GPUs from 1 to 64, e.g. 1"
    )
    instance_type: str | None = Field(
        None, min_length=1, max_length=60, description="an EC2 instance type, e.g. g4dn.xlarge"
    )
    min_gpu_memory_gib: Annotated[int, Field(ge=1, le=1024), BeforeValidator(parse_whole_number)] | None = Field(
        None,
        description="a whole number of GiB from 1 to 1024, the least memory of one GPU, e.g. 16 (an L4 has 22)",
    )
    region: str | None = Field(
        None, pattern=f"^{REGION_PATTERN}$", description="a region of AWS, e.g. us-east-1; others are not searched"
    )
    near: str | None = Field(None, min_length=1, max_length=40, description=NEAR_DESCRIPTION)
    market: Literal["on-demand", "spot"] | None = Field(None, description="on-demand or spot; the default is both")
    max_price: Dollars | None = Field(
        None, description="the highest price in US dollars per hour, with at most 6 decimal places, e.g. 1.25"
    )
    recipe: str | None = Field(
        None, min_length=1, max_length=60, description="a recipe of GET /recipes that the type must support"
    )


class RegionQuery(PageQuery):
    """Which regions are listed, and in which order."""

    ignored_fields = frozenset({"owner"})
    gpu: str | None = Field(None, min_length=1, max_length=60, description=GPU_DESCRIPTION)
    near: str | None = Field(None, min_length=1, max_length=40, description=NEAR_DESCRIPTION)


class QuotaQuery(PageQuery):
    """Which quotas are listed."""

    region: str | None = Field(
        None,
        pattern=f"^{REGION_PATTERN}$",
        description="a region in which gpudesk is deployed, e.g. us-east-1",
    )
