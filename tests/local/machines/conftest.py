"""A fleet of sandboxed machines for the session, and a machine for each test that needs one."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from local.machines.host.sandboxed import SandboxedMachines
from tests.support.sandbox import open_fleet

from .build import now, spec

_numbers = itertools.count(1)


class PowerOffs:
    """Recorder of the instances that have switched themselves off."""

    def __init__(self) -> None:
        self._off: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, instance_id: str) -> None:
        with self._changed:
            self._off.append(instance_id)
            self._changed.notify_all()

    def wait_for(self, instance_id: str) -> bool:
        """Return whether the instance switches itself off within 10 s."""
        with self._changed:
            return self._changed.wait_for(lambda: instance_id in self._off, 10)


@pytest.fixture(scope="session")
def power_offs() -> PowerOffs:
    return PowerOffs()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, power_offs: PowerOffs) -> Iterator[SandboxedMachines]:
    with open_fleet(tmp_path_factory.mktemp("fleet"), now, power_offs) as fleet:
        yield fleet


@pytest.fixture(scope="session")
def shared(fleet: SandboxedMachines) -> str:
    """Return the id of a machine with two GPUs, for tests that do not disturb other tests."""
    one = spec(920, gpu_count=2)
    fleet.create(one)
    fleet.boot(one.instance_id)
    return one.instance_id


@pytest.fixture
def machine(fleet: SandboxedMachines) -> Iterator[str]:
    """Return the id of a running machine."""
    one = spec(next(_numbers))
    fleet.create(one)
    fleet.boot(one.instance_id)
    yield one.instance_id
    with suppress(KeyError):
        fleet.destroy(one.instance_id)
