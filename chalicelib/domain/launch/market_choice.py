"""Read the market of a launch request: on-demand, spot, or spot with on-demand as the fallback."""

from collections.abc import Iterator

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.common.errors import FieldError
from chalicelib.domain.common.text import join_or
from chalicelib.domain.instances.spec import Spec
from chalicelib.domain.instances.spot import SpotTerms
from chalicelib.domain.launch.request import LaunchRequest

SPOT_OR_ON_DEMAND = "spot-or-on-demand"
REQUESTED_MARKETS = (str(Market.ON_DEMAND), str(Market.SPOT), SPOT_OR_ON_DEMAND)


def check_market(request: LaunchRequest) -> Iterator[FieldError]:
    """Yield why the market, or a field about spot, is wrong."""
    market = request.market
    if market is not None and market not in REQUESTED_MARKETS:
        yield FieldError("market", f"must be {join_or(REQUESTED_MARKETS)}, not {market[:40]!r}")
    elif request.resume_after_interruption is not None and market in (None, Market.ON_DEMAND):
        message = f"has a meaning only with market {Market.SPOT} or {SPOT_OR_ON_DEMAND}; leave it out"
        yield FieldError("resume_after_interruption", message)


def choose_market(request: LaunchRequest) -> tuple[Market, SpotTerms]:
    """Return the market to try first, and the terms of spot.

    :param request: its market is valid
    """
    if request.market in (None, Market.ON_DEMAND):
        return Market.ON_DEMAND, SpotTerms()
    terms = SpotTerms(
        can_fall_back=request.market == SPOT_OR_ON_DEMAND,
        resume_after_interruption=bool(request.resume_after_interruption),
    )
    return Market.SPOT, terms


def describe_requested_market(spec: Spec) -> str:
    """Return the market that was requested, as a launch request has it."""
    return SPOT_OR_ON_DEMAND if spec.spot.can_fall_back else str(spec.market)
