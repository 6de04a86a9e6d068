"""A world for each test."""

from collections.abc import Iterator

import pytest

from tests.support.world import World, open_world


@pytest.fixture
def desk() -> Iterator[World]:
    with open_world() as made:
        yield made
