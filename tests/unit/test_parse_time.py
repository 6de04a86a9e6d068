"""gpudesk's parser of times returns what botocore's parser returns."""

from typing import Any

import pytest
from botocore.utils import parse_timestamp

from chalicelib.aws.clients import parse_time


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-28T12:00:00.000Z",
        "2026-11-28T12:00:00Z",
        "2026-11-28T12:00:00.123456Z",
        "2026-11-28T14:00:00+02:00",
        "2026-11-28T12:00:00",
        "Sat, 28 Nov 2026 12:00:00 GMT",
        "1795867200",
        1795867200,
        1795867200.25,
    ],
)
def test_time_is_the_one_that_botocore_parses(value: Any) -> None:
    parsed = parse_time(value)
    assert parsed == parse_timestamp(value)
    assert (parsed.tzinfo is None) is (parse_timestamp(value).tzinfo is None)


def test_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="yesterday"):
        parse_time("yesterday")
