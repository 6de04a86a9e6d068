"""Rules of the order of offers that hold for all offers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.catalog.market import Market
from chalicelib.domain.offers.capacity_record import Result, replay
from chalicelib.domain.offers.offer import Offer, Price, PriceSource
from chalicelib.domain.offers.ranking import rank_offers
from tests.unit.offers.offer_examples import NOW

REGIONS = ("us-east-1", "us-east-2", "eu-west-1")

PRICES = st.builds(
    Price,
    usd_per_hour=st.integers(1, 5).map(lambda cents: Decimal(cents) / 100),
    source=st.just(PriceSource.CATALOG),
    read_at=st.just(NOW),
)
RECORDS = st.lists(st.tuples(st.sampled_from(Result), st.integers(0, 200)), max_size=4).map(
    lambda results: replay(
        (result, NOW - timedelta(minutes=ago)) for result, ago in sorted(results, key=lambda each: -each[1])
    )
)
OFFERS = st.lists(
    st.builds(
        lambda zone, **fields: Offer(region=zone[:-1], zone=zone, **fields),
        zone=st.sampled_from([f"{region}{letter}" for region in REGIONS for letter in "ab"]),
        instance_type=st.sampled_from(["g4dn.xlarge", "g5.xlarge"]),
        market=st.sampled_from(Market),
        price=st.none() | PRICES,
        distance_km=st.none() | st.integers(0, 3),
        record=RECORDS,
    ),
    max_size=8,
    unique_by=lambda offer: offer.key,
)


def order(offers: list[Offer]) -> list[Offer]:
    return [ranked.offer for ranked in rank_offers(offers, NOW)]


@given(OFFERS)
def test_refused_offer_is_never_above_one_that_was_not_refused(offers: list[Offer]) -> None:
    avoided = [offer.record.is_avoided(NOW) for offer in order(offers)]
    assert avoided == sorted(avoided)


@given(OFFERS, st.integers(1, 9))
def test_cheaper_offer_is_never_below_a_dearer_one_that_is_equal_otherwise(offers: list[Offer], cents: int) -> None:
    for offer in offers:
        price = replace(offer.price, usd_per_hour=offer.price.usd_per_hour + cents) if offer.price else None
        dearer = replace(offer, price=price, zone=f"{offer.region}-0")
        ordered = order([dearer, *offers])
        assert not price or ordered.index(offer) < ordered.index(dearer)


@given(OFFERS, st.randoms(use_true_random=False))
def test_same_offers_have_the_same_order_however_they_arrive(offers: list[Offer], random: Random) -> None:
    shuffled = list(offers)
    random.shuffle(shuffled)
    assert rank_offers(shuffled, NOW) == rank_offers(offers, NOW)


@given(OFFERS)
def test_no_offer_is_lost_and_every_rank_has_a_reason(offers: list[Offer]) -> None:
    ranked = rank_offers(offers, NOW)
    assert {each.offer.key for each in ranked} == {offer.key for offer in offers}
    assert [each.rank for each in ranked] == [*range(1, len(offers) + 1)]
    assert all(each.reason.endswith(".") for each in ranked)
