"""Order of offers, and the reason for each rank."""

import pytest

from chalicelib.domain.offers.capacity_record import FIRST_AVOIDANCE, Result
from chalicelib.domain.offers.offer import Offer
from chalicelib.domain.offers.ranking import rank_offers
from tests.unit.offers.offer_examples import MINUTE, NOW, build_offer, record_results

HOUR = 60 * MINUTE
CHEAPER = "No other offer is cheaper."
UNPRICED = (
    "Its price is unknown: the price list, as gpudesk last read it, has none. Offers with a known price come first."
)


def rank(*offers: Offer) -> tuple[list[Offer], list[str]]:
    ranked = rank_offers(reversed(offers), NOW)
    assert [each.rank for each in ranked] == list(range(1, len(offers) + 1))
    return [each.offer for each in ranked], [each.reason for each in ranked]


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        (build_offer("0.5"), build_offer("0.51"), "Costs $0.01 per hour more than the offer before it."),
        (build_offer("0.5"), build_offer("0.50001"), "Costs $0.00001 per hour more than the offer before it."),
        (build_offer("99"), build_offer(None), UNPRICED),
        (
            build_offer("0.5"),
            build_offer("0.5", record=record_results(Result.REFUSED, at=NOW - 2 * MINUTE)),
            "EC2 had no capacity for it 2 min ago; offers without a recent refusal come first.",
        ),
        (
            build_offer(distance_km=10),
            build_offer(distance_km=11, region="us-east-2"),
            "Costs the same as the offer before it, and us-east-2 is farther away.",
        ),
        (
            build_offer(distance_km=9000),
            build_offer(distance_km=None),
            "Costs the same as the offer before it, and us-east-1 is farther away.",
        ),
        (
            build_offer(record=record_results(Result.LAUNCHED, at=NOW - HOUR)),
            build_offer(record=record_results(Result.REFUSED, Result.LAUNCHED, at=NOW - 2 * HOUR)),
            "Costs the same as the offer before it, and a launch is less likely to succeed: launched in 1 of 2 tries, "
            "the last 2 h ago, last refused Monday 10:00 UTC.",
        ),
        (
            build_offer(record=record_results(Result.LAUNCHED)),
            build_offer(),
            "Costs the same as the offer before it, and a launch is less likely to succeed.",
        ),
        (
            build_offer(zone="us-east-1a"),
            build_offer(zone="us-east-1b"),
            "Equal to the offer before it in price, distance and likelihood; the order is that of the names.",
        ),
    ],
)
def test_better_offer_comes_first_and_the_other_says_why(better: Offer, worse: Offer, reason: str) -> None:
    assert rank(better, worse) == ([better, worse], [CHEAPER, reason])


def test_first_offer_says_that_a_cheaper_one_was_refused() -> None:
    refused = build_offer("0.5", record=record_results(Result.REFUSED, at=NOW - 2 * MINUTE))
    offers, (reason, _) = rank(build_offer("99"), refused)
    assert (offers[1], reason) == (refused, "No other offer without a recent refusal is cheaper.")


def test_refused_offer_is_no_longer_avoided_after_some_minutes() -> None:
    refused = build_offer("0.4", record=record_results(Result.REFUSED, at=NOW - FIRST_AVOIDANCE))
    other = build_offer("0.5", record=record_results(Result.LAUNCHED))
    assert rank(refused, other)[0] == [refused, other]


def test_no_offers_have_no_order() -> None:
    assert rank() == ([], [])


def test_offer_that_nobody_tried_is_between_a_proven_and_a_failed_one() -> None:
    proven = build_offer(record=record_results(Result.LAUNCHED))
    failed = build_offer(record=record_results(Result.REFUSED, at=NOW - HOUR))
    assert rank(proven, build_offer(), failed)[0] == [proven, build_offer(), failed]
