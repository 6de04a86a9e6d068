"""Reserve tries for on-demand in a pass of a launch that prefers spot.

Otherwise a launch with many offers on spot would use up each pass, and fail before it has tried one on-demand.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.instances.launch_tries import MAX_TRIES, LaunchTry
from chalicelib.domain.offers.offer import Offer

MAX_RESERVED_TRIES = MAX_TRIES // 2
"""The tries of a pass that are reserved for the second market, so that at least as many are left for the first one."""


def reserve_fallback_tries(
    ordered: Sequence[Offer], markets: Sequence[Market], tries: Collection[LaunchTry], now: datetime
) -> tuple[Offer, ...]:
    """Return offers in an order in which the pass reaches at most `MAX_RESERVED_TRIES` of the second market.

    They come as late as possible. An offer that EC2 has refused within the last minutes comes no earlier.

    :param ordered: the offers that are left, the best first
    :param markets: those of the request, the preferred one first
    :param tries: those of this pass
    """
    reserved = MAX_RESERVED_TRIES - sum(each.offer.market in markets[1:] for each in tries)
    left_tries = MAX_TRIES - len(tries)
    others = [each for each in ordered if each.market in markets[1:] and not each.record.is_avoided(now)]
    waiting, left, result = others[: max(0, reserved)], list(ordered), list[Offer]()
    while left and len(result) < left_tries:
        offer = waiting[0] if waiting and left_tries - len(result) <= len(waiting) else left[0]
        left.remove(offer)
        waiting = [each for each in waiting if each is not offer]
        result.append(offer)
    return (*result, *left)
