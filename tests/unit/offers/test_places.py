"""Places of regions, and distances."""

import importlib.resources
import re

import pytest

from chalicelib.domain.offers.places import PLACES, Place, UnknownPlace, find_distance_km, parse_place, sort_by_distance
from chalicelib.store.data_files import load_time_zones


def find_time_zone(name: str) -> Place | None:
    return load_time_zones().get(name)


@pytest.mark.parametrize(
    ("near", "region", "kilometers"),
    [
        ("eu-west-2", "eu-west-2", 0),
        ("eu-west-2", "eu-west-3", 340),
        ("us-east-1", "us-west-2", 3560),
        ("52.5,13.4", "eu-central-1", 425),
        ("Europe/Berlin", "eu-central-1", 425),
        ("US/Pacific", "us-west-1", 500),
        ("-36.8,174.8", "sa-east-1", 12000),
    ],
)
def test_distance_is_that_on_the_map(near: str, region: str, kilometers: int) -> None:
    assert find_distance_km(parse_place(near, find_time_zone), region) == pytest.approx(kilometers, rel=0.02, abs=1)


def test_distance_from_or_to_an_unknown_place_is_unknown() -> None:
    assert find_distance_km(None, "eu-west-1") is None
    assert find_distance_km(PLACES["eu-west-1"], "xx-north-9") is None


def test_nearest_region_comes_first_and_an_unknown_one_last() -> None:
    regions = ("xx-north-9", "us-east-1", "eu-west-1", "eu-central-1")
    assert sort_by_distance(parse_place("52.5,13.4", find_time_zone), regions) == tuple(reversed(regions))


@pytest.mark.parametrize("text", ["", "Berlin", "52.5", "91,0", "0,181", "52.5;13.4", "1e1,2", "xx-north-9", "٣,٤"])
def test_other_text_is_no_place(text: str) -> None:
    with pytest.raises(
        UnknownPlace, match=r"a region of AWS such as eu-west-1, a time zone such as Europe/Berlin, or lat"
    ):
        parse_place(text, find_time_zone)


def test_every_time_zone_of_a_country_has_the_place_of_its_city() -> None:
    table = (importlib.resources.files("tzdata") / "zoneinfo" / "zone.tab").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in table.splitlines() if not line.startswith("#")]
    assert [name for _, _, name, *_ in rows if not find_time_zone(name)] == []
    for _, coordinates, name, *_ in rows:
        degrees = re.fullmatch(r"([+-]\d\d)\d+([+-]\d\d\d)\d+", coordinates)
        place = find_time_zone(name)
        assert place
        assert degrees
        assert (place.latitude, place.longitude) == pytest.approx((int(degrees[1]), int(degrees[2])), abs=1.1)
