"""Order offers: those that were not refused recently first, then by price, distance and likelihood.

The names decide at the end, so that the same offers always have the same order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.domain.common.deadlines import REFUSAL_REMEMBERED_FOR
from chalicelib.domain.common.text import format_duration
from chalicelib.domain.offers.offer import Offer

UNKNOWN = Decimal("Infinity")
"""Stands for an unknown price or distance, which comes after every known one."""


@dataclass(frozen=True)
class RankedOffer:
    """An offer with its place in the order.

    :param rank: 1 is the best
    :param reason: a sentence that says why the offer has this rank
    """

    offer: Offer
    rank: int
    reason: str


def rank_offers(offers: Iterable[Offer], now: datetime) -> tuple[RankedOffer, ...]:
    """Return the offers, the best first, each with the reason for its rank."""
    ordered = sorted(offers, key=lambda offer: _build_sort_key(offer, now))
    ranked: list[RankedOffer] = []
    for rank, offer in enumerate(ordered, 1):
        better = ranked[-1].offer if ranked else None
        ranked.append(RankedOffer(offer, rank, _explain(better, offer, now)))
    return tuple(ranked)


def is_refused(offer: Offer, now: datetime) -> bool:
    """Return whether EC2 refused a launch for lack of capacity within the last minutes."""
    refused_at = offer.history.refused_at
    return refused_at is not None and now - refused_at < REFUSAL_REMEMBERED_FOR


def _build_sort_key(offer: Offer, now: datetime) -> tuple[Any, ...]:
    likelihood = offer.history.likelihood
    names = (offer.region, offer.zone, offer.instance_type, offer.market)
    return (is_refused(offer, now), _get_price(offer), _get_distance(offer), -likelihood, *names)


def _get_price(offer: Offer) -> Decimal:
    return offer.price.usd_per_hour if offer.price else UNKNOWN


def _get_distance(offer: Offer) -> Decimal:
    return Decimal(offer.distance_km) if offer.distance_km is not None else UNKNOWN


def _explain(better: Offer | None, offer: Offer, now: datetime) -> str:
    """Return why an offer comes after the one before it, as a sentence.

    :param better: the offer before it; None: it is the first one
    """
    if offer.history.refused_at and is_refused(offer, now):
        since = format_duration(now - offer.history.refused_at)
        return f"EC2 had no capacity for it {since} ago; offers without a recent refusal come first."
    if offer.price is None:
        return "Its price is unknown; offers with a known price come first."
    if better is None:
        return "No other offer is cheaper."
    difference = _get_price(offer) - _get_price(better)
    if difference:
        return f"Costs ${difference.normalize():f} per hour more than the offer before it."
    if _get_distance(offer) != _get_distance(better):
        return f"Costs the same as the offer before it, and {offer.region} is farther away."
    if offer.history.likelihood != better.history.likelihood:
        return "Costs the same as the offer before it, and fewer launches succeeded there."
    return "Equal to the offer before it in price, distance and likelihood; the order is that of the names."
