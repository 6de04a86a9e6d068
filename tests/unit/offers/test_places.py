"""Places of regions, and distances."""

import pytest

from chalicelib.domain.offers.places import PLACES, UnknownPlace, find_distance_km, parse_place, sort_by_distance


@pytest.mark.parametrize(
    ("near", "region", "kilometers"),
    [
        ("eu-west-2", "eu-west-2", 0),
        ("eu-west-2", "eu-west-3", 340),
        ("us-east-1", "us-west-2", 3560),
        ("52.5,13.4", "eu-central-1", 425),
        ("-36.8,174.8", "sa-east-1", 12000),
    ],
)
def test_distance_is_that_on_the_map(near: str, region: str, kilometers: int) -> None:
    assert find_distance_km(parse_place(near), region) == pytest.approx(kilometers, rel=0.02, abs=1)


def test_distance_from_or_to_an_unknown_place_is_unknown() -> None:
    assert find_distance_km(None, "eu-west-1") is None
    assert find_distance_km(PLACES["eu-west-1"], "xx-north-9") is None


def test_nearest_region_comes_first_and_an_unknown_one_last() -> None:
    regions = ("xx-north-9", "us-east-1", "eu-west-1", "eu-central-1")
    assert sort_by_distance(parse_place("52.5,13.4"), regions) == tuple(reversed(regions))


@pytest.mark.parametrize("text", ["", "Berlin", "52.5", "91,0", "0,181", "52.5;13.4", "1e1,2", "xx-north-9", "٣,٤"])
def test_other_text_is_no_place(text: str) -> None:
    with pytest.raises(UnknownPlace, match=r"a region of AWS such as eu-west-1, or latitude,longitude"):
        parse_place(text)
