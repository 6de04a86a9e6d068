"""Define what offers are searched for, and select the instance types of the catalog that a search can mean."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.domain.catalog.instance_types import InstanceType
from chalicelib.domain.catalog.market import Market
from chalicelib.domain.desk.settings import Limits
from chalicelib.domain.offers.left_out import LeftOutCode, LeftOutCollector
from chalicelib.domain.setup.recipe import Recipe

MIB_PER_GIB = 1024


@dataclass(frozen=True, kw_only=True)
class OfferQuery:
    """The criteria of a search for offers. None: any.

    :param gpus: names of GPUs in the catalog
    :param instance_type: only this type, which may have no GPU; all other searches are for types with GPUs
    :param gpu_count: whole GPUs; a slice of a GPU is none
    :param min_gpu_memory_gib: memory of one GPU; a type of which it is unknown does not match
    :param max_price: USD per hour
    :param recipe: only types that the recipe supports
    """

    gpus: Collection[str] | None = None
    gpu_count: int | None = None
    instance_type: str | None = None
    min_gpu_memory_gib: int | None = None
    region: str | None = None
    market: Market | None = None
    max_price: Decimal | None = None
    recipe: Recipe | None = None

    @property
    def markets(self) -> tuple[Market, ...]:
        """The markets that are searched."""
        return (self.market,) if self.market else tuple(Market)

    def matches(self, item: InstanceType) -> bool:
        """Return whether the query can mean a type, whether or not it can be launched."""
        return (
            (item.name == self.instance_type if self.instance_type else item.gpu is not None)
            and (self.gpus is None or item.gpu in self.gpus)
            and (self.gpu_count is None or item.whole_gpu_count == self.gpu_count)
            and (item.gpu_memory_mib or 0) >= (self.min_gpu_memory_gib or 0) * MIB_PER_GIB
        )


def select_types(
    query: OfferQuery, types: Iterable[InstanceType], limits: Limits, left_out: LeftOutCollector
) -> tuple[InstanceType, ...]:
    """Return the types that the query can mean and that can be launched. The others get into `left_out`."""
    candidates = [item for item in types if query.matches(item)]
    leave_out_unavailable(candidates, left_out)
    return tuple(_select_allowed(query, candidates, limits, left_out))


def leave_out_unavailable(candidates: Iterable[InstanceType], left_out: LeftOutCollector) -> None:
    """Leave out what AWS does not offer any more. Each type has a text of its own, so several share a general one.

    The general text is also an answer of GET /regions, which does not search for types.
    """
    reasons = {item.name: item.unavailable for item in candidates if item.unavailable}
    example = f"GET /offers?instance_type={min(reasons, default='')}"
    several = f"gpudesk cannot launch these types. To see why for one, send {example}."
    for name, reason in reasons.items():
        left_out.add(LeftOutCode.TYPE_UNAVAILABLE, reason if len(reasons) == 1 else several, name)


def _select_allowed(
    query: OfferQuery, candidates: Iterable[InstanceType], limits: Limits, left_out: LeftOutCollector
) -> Iterator[InstanceType]:
    """Yield the types that limits and recipe allow."""
    recipe = query.recipe
    for item in candidates:
        if item.unavailable:
            continue
        if (item.gpu_count or 0) > limits.gpu_count:
            message = f"The limit of this desk is {limits.gpu_count} GPUs per instance."
            left_out.add(LeftOutCode.GPU_LIMIT, message, item.name)
            continue
        image = recipe.get_image_parameter(item) if recipe else None
        clause = recipe.requirements.find_incompatibility(item, image, "this type") if recipe else None
        if recipe and clause:
            message = f"Recipe {recipe.name} cannot be used: {clause}."
            left_out.add(LeftOutCode.RECIPE_INCOMPATIBLE, message, item.name)
            continue
        yield item
