"""The order in which a launch tries offers.

It is that of a search (`ranking.py`), but a pass tries few of the offers that EC2 has refused within the last minutes:
those that may be tried again first. `make benchmark-failover` compares this order with others.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chalicelib.domain.offers.likelihood import estimate_likelihood
from chalicelib.domain.offers.offer import Offer
from chalicelib.domain.offers.ranking import Candidate

MAX_AVOIDED_TRIES = 2
"""Offers that a pass tries although EC2 has refused them within the last minutes, so that no launch waits for the
memory alone."""


def order_tries(
    offers: Iterable[Offer],
    now: datetime,
    *,
    max_avoided: int = MAX_AVOIDED_TRIES,
    get_group: Callable[[Offer], Any] = lambda _: 0,
) -> tuple[Offer, ...]:
    """Return the offers of a pass, the one to try first at the beginning.

    :param max_avoided: how many of the refused offers are among them: those whose avoidance ends first
    :param get_group: returns the group of an offer; of those that were not refused, the lowest group comes first
    """
    candidates = [
        Candidate(offer, estimate_likelihood(offer.record, now), offer.record.is_avoided(now)) for offer in offers
    ]
    free = [each for each in candidates if not each.is_avoided]
    avoided = [each for each in candidates if each.is_avoided]
    free.sort(key=lambda each: (get_group(each.offer), each.sort_key))
    avoided.sort(key=lambda each: (each.offer.record.avoided_until or now, each.sort_key))
    return tuple(each.offer for each in (*free, *avoided[: max(0, max_avoided)]))
