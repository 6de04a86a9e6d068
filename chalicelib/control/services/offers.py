"""Search offers, and list quotas and regions, with two or three calls of DynamoDB. Only the refresh calls AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceTypeCatalog
from chalicelib.domain.catalog.lookup_errors import UnknownGpu, UnknownType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.catalog.reading import RegionOptIns
from chalicelib.domain.common.accepted_values import describe_accepted_values
from chalicelib.domain.common.clock import Clock
from chalicelib.domain.common.errors import FieldError, build_validation_error
from chalicelib.domain.common.text import join_or
from chalicelib.domain.offers.left_out import LeftOut
from chalicelib.domain.offers.offer_context import OfferContext
from chalicelib.domain.offers.offerings import RegionOfferings
from chalicelib.domain.offers.places import PLACES, FindPlace, Place, UnknownPlace, parse_place
from chalicelib.domain.offers.query import OfferQuery
from chalicelib.domain.offers.quota_summary import QuotaContext, QuotaSummary, summarize_quotas
from chalicelib.domain.offers.region_capacity import RegionCapacity
from chalicelib.domain.offers.region_summary import (
    RegionSummary,
    explain_missing_gpus,
    list_known_regions,
    summarize_regions,
)
from chalicelib.domain.offers.search import OfferResult, find_offers
from chalicelib.domain.setup.recipe import Recipe, build_unknown_recipe_error
from chalicelib.store.repositories import Repositories


@dataclass(frozen=True, kw_only=True)
class OfferRequest:
    """A search as a person writes it. None: any.

    :param near: a region, a time zone or coordinates; None: the home region
    :param max_price: USD per hour
    """

    gpu: str | None = None
    gpu_count: int | None = None
    instance_type: str | None = None
    min_gpu_memory_gib: int | None = None
    region: str | None = None
    near: str | None = None
    market: Market | None = None
    max_price: Decimal | None = None
    recipe: str | None = None


@dataclass(frozen=True)
class RegionResult:
    """The regions of AWS, and the types with the wanted GPU if no region has one."""

    summaries: tuple[RegionSummary, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, kw_only=True)
class OfferService:
    """GET /offers, GET /quotas and GET /regions.

    :param regions: the regions in which gpudesk is set up
    :param home_region: distances are measured from there if a request names no place
    :param opt_ins: which regions the account may use; None: not read yet
    """

    stores: Repositories
    catalog: InstanceTypeCatalog
    recipes: Mapping[str, Recipe]
    regions: tuple[str, ...]
    home_region: str
    find_time_zone: FindPlace
    clock: Clock
    opt_ins: RegionOptIns | None = None

    def search(self, request: OfferRequest) -> OfferResult:
        """Return the offers that match, the best first, and what is left out.

        :raises ValidationFailed: a GPU, a type, a region, a place or a recipe is unknown
        """
        errors: list[FieldError] = []
        gpus = self._find_gpus(request.gpu, errors)
        type_name = self._find_type_name(request.instance_type, errors)
        origin = self._find_origin(request.near, errors)
        recipe = self.recipes.get(request.recipe) if request.recipe else None
        if request.recipe and not recipe:
            errors.append(build_unknown_recipe_error(request.recipe, self.recipes))
        self._check_region(request.region, errors)
        if errors:
            raise build_validation_error(errors, noun="query parameter")
        query = OfferQuery(
            gpus=gpus,
            gpu_count=request.gpu_count,
            instance_type=type_name,
            min_gpu_memory_gib=request.min_gpu_memory_gib,
            region=request.region,
            market=request.market,
            max_price=request.max_price,
            recipe=recipe,
        )
        return find_offers(query, self._read_context(origin))

    def list_regions(self, gpu: str | None, near: str | None) -> RegionResult:
        """Return the regions of AWS, the nearest first, and why there are none.

        :param gpu: only regions with this GPU; None: all
        :param near: a region, a time zone or coordinates; None: the home region
        :raises ValidationFailed: the GPU or the place is unknown
        """
        errors: list[FieldError] = []
        gpus, origin = self._find_gpus(gpu, errors), self._find_origin(near, errors)
        if errors:
            raise build_validation_error(errors, noun="query parameter")
        context = self._read_context(origin)
        summaries = summarize_regions(context, gpus)
        return RegionResult(summaries, explain_missing_gpus(context, gpus) if gpus and not summaries else ())

    def list_quotas(self, region: str | None = None) -> tuple[QuotaSummary, ...]:
        """Return the quotas of the regions in which gpudesk is set up, with the last requests to increase them.

        :param region: only this one; None: all
        :raises ValidationFailed: gpudesk is not set up in the region
        """
        if region not in (None, *self.regions):
            message = f"must be a region in which gpudesk is set up: {join_or(self.regions)}, not {region!r}"
            raise build_validation_error([FieldError("region", message)], noun="query parameter")
        regions = [region] if region else self.regions
        offerings, requests = self.stores.quota_requests.get_many_with_offerings(regions)
        context = QuotaContext(
            regions=regions,
            offerings=offerings,
            requests=requests,
            records=list(self.stores.instances.list_readable()),
            types=self.catalog.types,
            now=self.clock.now(),
        )
        return summarize_quotas(context)

    def _read_context(self, origin: Place | None) -> OfferContext:
        return self._build_context(origin, *self.stores.offers.get_many_with_capacity(self.regions))

    def _build_context(
        self,
        origin: Place | None,
        offerings: Mapping[str, RegionOfferings],
        capacity: Mapping[str, RegionCapacity],
    ) -> OfferContext:
        return OfferContext(
            catalog=self.catalog,
            limits=self.stores.desk.get_settings().limits,
            deployed_regions=self.regions,
            offerings=offerings,
            capacity=capacity,
            origin=origin,
            opt_ins=self.opt_ins,
            now=self.clock.now(),
        )

    def _find_gpus(self, name: str | None, errors: list[FieldError]) -> tuple[str, ...] | None:
        try:
            return self.catalog.match_gpus(name) if name else None
        except UnknownGpu as error:
            errors.append(FieldError("gpu", str(error)))
            return None

    def _find_type_name(self, name: str | None, errors: list[FieldError]) -> str | None:
        try:
            return self.catalog.get_type(name).name if name else None
        except UnknownType as error:
            errors.append(FieldError("instance_type", str(error)))
            return None

    def _find_origin(self, near: str | None, errors: list[FieldError]) -> Place | None:
        try:
            return parse_place(near, self.find_time_zone) if near else PLACES.get(self.home_region)
        except UnknownPlace as error:
            errors.append(FieldError("near", f"must be {error}"))
            return None

    def _check_region(self, region: str | None, errors: list[FieldError]) -> None:
        known = list_known_regions(self.catalog, self.regions)
        if region and region not in known:
            errors.append(
                FieldError(
                    "region", f"must be one of {describe_accepted_values(sorted(known), region)}, not {region[:40]!r}"
                )
            )
