"""One fleet of sandboxed machines for the session."""

from collections.abc import Iterator

import pytest

from local.machines.host.sandboxed import SandboxedMachines
from tests.support.sandbox import MinuteClock, open_fleet


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxedMachines]:
    with open_fleet(tmp_path_factory.mktemp("fleet"), MinuteClock()) as fleet:
        yield fleet
