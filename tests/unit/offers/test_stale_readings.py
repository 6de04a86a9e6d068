"""Old readings: they are used and marked."""

from datetime import timedelta
from decimal import Decimal

from chalicelib.domain.offers.offerings import TypeOffering
from chalicelib.domain.offers.query import OfferQuery
from chalicelib.domain.offers.search import find_offers
from tests.unit.offers.offer_examples import NOW, PRICED_ON, build_context, build_reading

T4 = TypeOffering(Decimal("0.526"), PRICED_ON, {"us-east-2a": Decimal("0.1")})


def test_old_reading_is_used_and_marked() -> None:
    read_at = NOW - timedelta(hours=26)
    old, new = build_reading("us-east-2", read_at, g4dn_xlarge=T4), build_reading("us-east-1")
    result = find_offers(OfferQuery(instance_type="g4dn.xlarge"), build_context(old, new))
    assert result.as_of == read_at
    assert [(stale.region, stale.message) for stale in result.stale_regions] == [
        ("us-east-2", "Zones and prices of us-east-2 were read 26 h ago.")
    ]
    stale = {
        (ranked.offer.region, str(ranked.offer.market)): ranked.offer.price.is_stale(NOW)
        for ranked in result.offers
        if ranked.offer.price
    }
    assert {key for key, is_stale in stale.items() if is_stale} == {("us-east-2", "spot")}
