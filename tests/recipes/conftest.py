"""These run for many minutes, download gigabytes and need root: only on request (`make test-recipes`)."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `recipe`, unless the marks that are requested name it."""
    if "recipe" in (config.option.markexpr or ""):
        return
    left = [item for item in items if item.get_closest_marker("recipe") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in left])
    items[:] = left
