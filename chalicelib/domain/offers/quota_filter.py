"""Leave out the offers that do not fit in a quota, with one reason for each quota of a region."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from chalicelib.domain.offers.headroom import Headroom, HeadroomKind, describe_excess
from chalicelib.domain.offers.left_out import LeftOutCode, LeftOutCollector
from chalicelib.domain.offers.offer import Offer


@dataclass
class _Excess:
    """Offers that do not fit in one quota."""

    headroom: Headroom
    needs: dict[str, int] = field(default_factory=dict)
    subjects: list[str] = field(default_factory=list)


def leave_out_exceeded(offers: Iterable[Offer], left_out: LeftOutCollector) -> Iterator[Offer]:
    """Yield the offers that fit in their quota, and those of which it is unknown. The others get into `left_out`."""
    found: dict[tuple[str, str | None], _Excess] = {}
    for offer in offers:
        headroom = offer.headroom
        if headroom.kind is not HeadroomKind.EXCEEDED or headroom.need is None:
            yield offer
            continue
        excess = found.setdefault((offer.region, headroom.code), _Excess(headroom))
        excess.needs[offer.instance_type] = headroom.need
        excess.subjects.append(f"{offer.instance_type} {offer.market} in {offer.region}")
    for (region, _), excess in found.items():
        message = describe_excess(excess.headroom, region, excess.needs)
        for subject in excess.subjects:
            left_out.add(LeftOutCode.QUOTA_EXCEEDED, message, subject)
