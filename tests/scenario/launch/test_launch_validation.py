"""Scenario tests of launch requests that are refused with the accepted values, before anything is written."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.common.errors import ValidationFailed
from tests.support.world import World, open_world


@pytest.fixture(scope="module")
def desk() -> Iterator[World]:
    """Provide one world for all tests: a refused request changes nothing."""
    with open_world() as shared:
        yield shared


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"gpu": "T5"}, "gpu", "T4"),
        ({"gpu": "T4", "gpu_count": 3}, "gpu_count", "1, 4"),
        ({"instance_type": "g4dn.xlrage"}, "instance_type", "g4dn.xlarge"),
        ({"instance_type": "p2.xlarge"}, "instance_type", ""),
        ({"gpu": "T4", "market": "cheap"}, "market", "spot-or-on-demand"),
        ({"gpu": "T4", "region": "us-east-9"}, "region", "us-east-1"),
        ({"gpu": "T4", "recipe": "tensorflow"}, "recipe", "jupyter"),
        ({"gpu": "T4", "disk_gib": 4}, "disk_gib", "8 to 2048"),
        ({"gpu": "T4", "name": "My GPU"}, "name", "lower-case"),
        ({"gpu": "T4", "tags": {"gpudesk:owner": "eve"}}, "tags.gpudesk:owner", "another key"),
        ({"gpu": "T4", "idle_minutes": 2}, "idle_policy.idle_minutes", "3 (three samples) to 240"),
        (
            {"gpu": "T4", "idle_minutes": 10, "warning_minutes": 20},
            "idle_policy.warning_minutes",
            "at most idle_minutes (10), not 20",
        ),
        ({"gpu": "T4", "max_hours": 1000}, "max_hours", "1 to 72"),
    ],
)
def test_invalid_launch_is_refused_with_accepted_values(
    desk: World, fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        desk.launch(**fields)
    assert field in [error.field for error in refusal.value.errors]
    assert any(words in error.message for error in refusal.value.errors)
