"""The fleet without processes keeps the rules of `Machines`."""

import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.machines.agent.shell import ScriptResult
from local.machines.errors import MachineHalted
from local.machines.host.interface import Machines
from local.machines.host.simulated import SimulatedMachines

from .build import document, invocation, shell_step, spec

HERE = spec().instance_id


class Hold(threading.Event):
    """Tells when somebody waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.begun.set()
        return super().wait(timeout)


@pytest.fixture
def machines() -> SimulatedMachines:
    fleet = SimulatedMachines()
    fleet.create(spec())
    fleet.boot(HERE)
    return fleet


def test_simulated_machines_implement_machines(machines: SimulatedMachines) -> None:
    fleet: Machines = machines
    assert not fleet.is_real


def test_steps_end_with_given_outcomes_then_successfully(machines: SimulatedMachines) -> None:
    machines.outcomes = {"one": [(2, "out", "err")], "a-document": [ScriptResult(0, ending="timed out")]}
    content = document(shell_step("one", "x"), shell_step("two", "y"))
    statuses = [[step.status for step in machines.run(HERE, invocation(content)).steps] for _ in range(2)]
    assert statuses == [["Failed", "TimedOut"], ["Success", "Success"]]
    assert [(where, script.text) for where, script in machines.executed_scripts[:2]] == [(HERE, "x\n"), (HERE, "y\n")]


def test_halted_machine_runs_nothing(machines: SimulatedMachines) -> None:
    machines.halt(HERE)
    with pytest.raises(MachineHalted):
        machines.run(HERE, invocation(document(shell_step("one", "x"))))


def test_exit_194_reboots_simulated_machine(machines: SimulatedMachines) -> None:
    machines.outcomes = {"one": [(194, "", "")]}
    assert machines.run(HERE, invocation(document(shell_step("one", "x")))).status == "Success"
    assert machines.count_boots(HERE) == 2


def test_held_step_can_be_cancelled(machines: SimulatedMachines) -> None:
    hold = Hold()
    machines.held_steps = {"one": hold}
    command = invocation(document(shell_step("one", "x"), shell_step("two", "y")))
    with ThreadPoolExecutor() as pool:
        result = pool.submit(machines.run, HERE, command)
        assert hold.begun.wait(5)
        machines.cancel(HERE, command.command_id)
        assert [step.status for step in result.result(5).steps] == ["Cancelled", "Cancelled"]


def test_port_of_simulated_machine_closes_connections(machines: SimulatedMachines) -> None:
    forwarding = machines.forward(HERE, 8888, 0)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(f"http://127.0.0.1:{forwarding.local_port}/", timeout=5)
    forwarding.close()


def test_unknown_machine_is_key_error(machines: SimulatedMachines) -> None:
    machines.destroy(HERE)
    with pytest.raises(KeyError):
        machines.boot(HERE)
