"""Order offers: those that were not refused recently first, then by price, distance and likelihood.

The names decide at the end, so that the same offers always have the same order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.offers.likelihood import Likelihood, estimate_likelihood
from chalicelib.domain.offers.offer import Offer

UNKNOWN = Decimal("Infinity")
"""Stands for an unknown price or distance, which comes after every known one."""

UNPRICED_TEXTS = {Market.SPOT: "EC2's spot price history", Market.ON_DEMAND: "the price list, as gpudesk last read it,"}
"""The source without a price of an offer, by market."""


@dataclass(frozen=True)
class RankedOffer:
    """An offer with its place in the order.

    :param rank: 1 is the best
    :param reason: a sentence that says why the offer has this rank
    :param likelihood: how likely a launch succeeds now
    """

    offer: Offer
    rank: int
    reason: str
    likelihood: Likelihood


@dataclass(frozen=True)
class Candidate:
    """An offer with what its capacity record says now.

    :param is_avoided: EC2 has refused a launch within the last minutes
    """

    offer: Offer
    likelihood: Likelihood
    is_avoided: bool

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """The key that orders candidates, the best first."""
        offer = self.offer
        names = (offer.region, offer.zone, offer.instance_type, offer.market)
        return (self.is_avoided, _get_price(offer), _get_distance(offer), -self.likelihood.value, *names)


def rank_offers(offers: Iterable[Offer], now: datetime) -> tuple[RankedOffer, ...]:
    """Return the offers, the best first, each with the reason for its rank."""
    candidates = [
        Candidate(offer, estimate_likelihood(offer.record, now), offer.record.is_avoided(now)) for offer in offers
    ]
    lowest = min((_get_price(each.offer) for each in candidates), default=UNKNOWN)
    ranked: list[RankedOffer] = []
    better: Candidate | None = None
    for rank, candidate in enumerate(sorted(candidates, key=lambda each: each.sort_key), 1):
        ranked.append(
            RankedOffer(candidate.offer, rank, _explain(better, candidate, lowest, now), candidate.likelihood)
        )
        better = candidate
    return tuple(ranked)


def _get_price(offer: Offer) -> Decimal:
    return offer.price.usd_per_hour if offer.price else UNKNOWN


def _get_distance(offer: Offer) -> Decimal:
    return Decimal(offer.distance_km) if offer.distance_km is not None else UNKNOWN


def _explain(better: Candidate | None, candidate: Candidate, lowest: Decimal, now: datetime) -> str:
    """Return why an offer comes after the one before it, as a sentence.

    :param better: the offer before it; None: it is the first one
    :param lowest: the lowest price of all offers
    """
    offer = candidate.offer
    if candidate.is_avoided and offer.record.last_refused_at:
        since = format_duration(now - offer.record.last_refused_at)
        return f"EC2 had no capacity for it {since} ago; offers without a recent refusal come first."
    if offer.price is None:
        source = UNPRICED_TEXTS[offer.market]
        return f"Its price is unknown: {source} has none. Offers with a known price come first."
    if better is None:
        has_cheaper = lowest < _get_price(offer)
        return f"No other offer {'without a recent refusal ' if has_cheaper else ''}is cheaper."
    difference = _get_price(offer) - _get_price(better.offer)
    if difference:
        return f"Costs ${difference.normalize():f} per hour more than the offer before it."
    if _get_distance(offer) != _get_distance(better.offer):
        return f"Costs the same as the offer before it, and {offer.region} is farther away."
    if candidate.likelihood.value != better.likelihood.value:
        evidence = f": {candidate.likelihood.evidence}" if candidate.likelihood.evidence else ""
        return f"Costs the same as the offer before it, and a launch is less likely to succeed{evidence}."
    return "Equal to the offer before it in price, distance and likelihood; the order is that of the names."
