"""A world for each test."""

from collections.abc import Iterator

import pytest

from tests.support.world import World, world


@pytest.fixture
def desk() -> Iterator[World]:
    with world() as made:
        yield made
