"""Approximate places of AWS's regions, and distances between them.

AWS publishes the city or the area of a region, not its coordinates: the places are those of
https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html, with the coordinates of the city, or
of the middle of the area, rounded to a tenth of a degree. That is exact enough to order regions by distance.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

EARTH_RADIUS_KM = 6371

COORDINATES = re.compile(r"(-?[0-9]{1,2}(?:\.[0-9]{1,6})?),(-?[0-9]{1,3}(?:\.[0-9]{1,6})?)")


class UnknownPlace(ValueError):
    """A text is no region, no time zone and no coordinates. The message completes the sentence "must be ..."."""


@dataclass(frozen=True)
class Place:
    """A point on the earth.

    :param name: the city or the area; for people
    :param latitude: degrees, north is positive
    :param longitude: degrees, east is positive
    """

    name: str
    latitude: float
    longitude: float


FindPlace = Callable[[str], Place | None]
"""Returns the main city of a time zone of IANA (Europe/Berlin); None: there is no such zone, or it has no place."""

PLACES: Mapping[str, Place] = {
    "af-south-1": Place("Cape Town", -33.9, 18.4),
    "ap-east-1": Place("Hong Kong", 22.3, 114.2),
    "ap-east-2": Place("Taipei", 25.0, 121.6),
    "ap-northeast-1": Place("Tokyo", 35.7, 139.7),
    "ap-northeast-2": Place("Seoul", 37.6, 127.0),
    "ap-northeast-3": Place("Osaka", 34.7, 135.5),
    "ap-south-1": Place("Mumbai", 19.1, 72.9),
    "ap-south-2": Place("Hyderabad", 17.4, 78.5),
    "ap-southeast-1": Place("Singapore", 1.4, 103.8),
    "ap-southeast-2": Place("Sydney", -33.9, 151.2),
    "ap-southeast-3": Place("Jakarta", -6.2, 106.8),
    "ap-southeast-4": Place("Melbourne", -37.8, 145.0),
    "ap-southeast-5": Place("Malaysia", 3.1, 101.7),
    "ap-southeast-6": Place("New Zealand", -36.8, 174.8),
    "ap-southeast-7": Place("Thailand", 13.8, 100.5),
    "ca-central-1": Place("Canada (Central)", 45.5, -73.6),
    "ca-west-1": Place("Calgary", 51.0, -114.1),
    "eu-central-1": Place("Frankfurt", 50.1, 8.7),
    "eu-central-2": Place("Zurich", 47.4, 8.5),
    "eu-north-1": Place("Stockholm", 59.3, 18.1),
    "eu-south-1": Place("Milan", 45.5, 9.2),
    "eu-south-2": Place("Spain", 41.6, -0.9),
    "eu-west-1": Place("Ireland", 53.3, -6.3),
    "eu-west-2": Place("London", 51.5, -0.1),
    "eu-west-3": Place("Paris", 48.9, 2.4),
    "il-central-1": Place("Tel Aviv", 32.1, 34.8),
    "me-central-1": Place("UAE", 24.5, 54.4),
    "me-south-1": Place("Bahrain", 26.1, 50.6),
    "mx-central-1": Place("Mexico (Central)", 20.6, -100.4),
    "sa-east-1": Place("São Paulo", -23.6, -46.6),
    "us-east-1": Place("N. Virginia", 39.0, -77.5),
    "us-east-2": Place("Ohio", 40.0, -83.0),
    "us-west-1": Place("N. California", 37.4, -121.9),
    "us-west-2": Place("Oregon", 45.8, -119.7),
}
"""The regions of the partition `aws`, by name."""


def parse_place(text: str, find_time_zone: FindPlace) -> Place:
    """Return the place of a region, of a time zone, or of coordinates such as "52.5,13.4".

    :raises UnknownPlace: the text is none of them
    """
    place = PLACES.get(text) or find_time_zone(text)
    if place:
        return place
    match = COORDINATES.fullmatch(text)
    latitude, longitude = (float(match[1]), float(match[2])) if match else (math.inf, math.inf)
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise UnknownPlace(
            "a region of AWS such as eu-west-1, a time zone such as Europe/Berlin, or latitude,longitude in degrees "
            f"such as 52.5,13.4, not {text[:40]!r}"
        )
    return Place(text, latitude, longitude)


def find_distance_km(origin: Place | None, region: str) -> int | None:
    """Return the distance of a region in a straight line, in whole kilometers.

    :param origin: None: unknown
    :returns: None if one of the places is unknown
    """
    place = PLACES.get(region)
    if origin is None or place is None:
        return None
    return round(_measure_distance(origin, place))


def sort_by_distance(origin: Place | None, regions: Iterable[str]) -> tuple[str, ...]:
    """Return the regions, the nearest first. Those whose place is unknown are at the end."""

    def build_key(region: str) -> tuple[float, str]:
        distance = find_distance_km(origin, region)
        return (math.inf if distance is None else distance, region)

    return tuple(sorted(regions, key=build_key))


def _measure_distance(origin: Place, place: Place) -> float:
    """Return the length of the great circle between two places, by the haversine formula."""
    from_latitude, to_latitude = math.radians(origin.latitude), math.radians(place.latitude)
    half_latitude = (to_latitude - from_latitude) / 2
    half_longitude = math.radians(place.longitude - origin.longitude) / 2
    chord = (
        math.sin(half_latitude) ** 2 + math.cos(from_latitude) * math.cos(to_latitude) * math.sin(half_longitude) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))
