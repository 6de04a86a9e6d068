"""Recipe tests run only with `make test-recipes`: they take many minutes, download gigabytes and need root."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests marked `recipe`, unless -m names the mark."""
    if "recipe" in (config.option.markexpr or ""):
        return
    selected = [item for item in items if item.get_closest_marker("recipe") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in selected])
    items[:] = selected
