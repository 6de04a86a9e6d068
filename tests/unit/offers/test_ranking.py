"""Order of offers, and the reason for each rank."""

import pytest

from chalicelib.domain.common.deadlines import REFUSAL_REMEMBERED_FOR
from chalicelib.domain.offers.offer import LaunchHistory, Offer
from chalicelib.domain.offers.ranking import rank_offers
from tests.unit.offers.offer_examples import MINUTE, NOW, build_offer, refuse

CHEAPER = "No other offer is cheaper."


def rank(*offers: Offer) -> tuple[list[Offer], list[str]]:
    ranked = rank_offers(reversed(offers), NOW)
    assert [each.rank for each in ranked] == list(range(1, len(offers) + 1))
    return [each.offer for each in ranked], [each.reason for each in ranked]


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        (build_offer("0.5"), build_offer("0.51"), "Costs $0.01 per hour more than the offer before it."),
        (build_offer("0.5"), build_offer("0.50001"), "Costs $0.00001 per hour more than the offer before it."),
        (build_offer("99"), build_offer(None), "Its price is unknown; offers with a known price come first."),
        (
            build_offer("99"),
            build_offer("0.5", history=refuse(NOW - 2 * MINUTE)),
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
            build_offer(history=LaunchHistory(try_count=10, launch_count=9)),
            build_offer(history=LaunchHistory(try_count=10, launch_count=8)),
            "Costs the same as the offer before it, and fewer launches succeeded there.",
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


def test_refusal_is_forgotten_after_some_minutes() -> None:
    refused = build_offer("0.4", history=refuse(NOW - REFUSAL_REMEMBERED_FOR))
    other = build_offer("0.5", history=LaunchHistory(try_count=1, launch_count=1))
    assert rank(refused, other)[0] == [refused, other]


def test_no_offers_have_no_order() -> None:
    assert rank() == ([], [])


def test_offer_that_nobody_tried_is_between_a_proven_and_a_failed_one() -> None:
    proven = build_offer(history=LaunchHistory(try_count=1, launch_count=1))
    failed = build_offer(history=LaunchHistory(try_count=1))
    assert rank(proven, build_offer(), failed)[0] == [proven, build_offer(), failed]


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (LaunchHistory(), ""),
        (LaunchHistory(try_count=1, launch_count=1), "Launched in 1 of 1 try."),
        (
            LaunchHistory(try_count=10, launch_count=9, refused_at=NOW),
            "Launched in 9 of 10 tries, last refused 2026-11-23 12:00 UTC.",
        ),
    ],
)
def test_history_describes_its_evidence(history: LaunchHistory, text: str) -> None:
    assert history.describe() == text
