"""CPU signal: percent of one core without gpudesk's own share, and real processes of this computer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.domain.idle.evidence import SignalState
from ssm_documents.probe.sensors import Reading
from ssm_documents.probe.signals.cpu import CpuSensor, read_busy_seconds
from ssm_documents.probe.signals.processes import Process, list_processes, read_arguments, read_name
from tests.support.sensor_fixtures import build_stopwatch, read_sensor

ME = os.getpid()


class Machine:
    """CPU seconds used by each process."""

    def __init__(self, *processes: Process) -> None:
        self.busy = 1000.0
        self.processes = {process.pid: process for process in processes}

    def sensor(self) -> CpuSensor:
        return CpuSensor(lambda: self.busy, lambda: list(self.processes.values()), build_stopwatch())

    def use(self, pid: int, name: str, seconds: float, children: float = 0.0) -> None:
        """Add CPU seconds of a process and of its ended children."""
        before = self.processes.get(pid) or Process(pid, name, pid, 0, 1, 0.0, 0.0)
        used, by_children = before.cpu_seconds + seconds, before.children_seconds + children
        self.processes[pid] = Process(pid, name, pid, 0, 1, used, by_children)
        self.busy += seconds + children


def test_busy_cpu_is_active_and_names_the_busiest_process() -> None:
    machine = Machine()
    sensor = machine.sensor()
    machine.use(10, "python", 108)
    machine.use(11, "bash", 6)
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "python at 180 % of a core, 190 % in all")
    assert read_sensor(sensor) == Reading(SignalState.QUIET, "CPU at 0 % of a core")


@pytest.mark.parametrize(("seconds", "state"), [(14.6, SignalState.QUIET), (15, SignalState.ACTIVE)])
def test_threshold_is_in_percent_of_one_core(seconds: float, state: SignalState) -> None:
    machine = Machine()
    sensor = machine.sensor()
    machine.busy += seconds
    assert read_sensor(sensor).state is state


def test_work_from_before_the_probe_started_is_active() -> None:
    machine = Machine(Process(10, "train", 10, 0, 1, 90_000.0, 0.0))
    sensor = machine.sensor()
    for _ in range(3):
        machine.use(10, "train", 60)
        assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "train at 100 % of a core, 100 % in all")


def test_many_short_lived_processes_are_active_and_not_named() -> None:
    machine = Machine()
    sensor = machine.sensor()
    machine.use(10, "make", 1)
    machine.busy += 100
    assert read_sensor(sensor) == Reading(SignalState.ACTIVE, "CPU at 168 % of a core, by many processes")


def test_renamed_process_is_the_same_process() -> None:
    machine = Machine(Process(10, "kworker/0:1", 10, 0, 1, 90_000.0, 0.0))
    sensor = machine.sensor()
    machine.processes[10] = Process(10, "kworker/0:1-events", 10, 0, 1, 90_000.0, 0.0)
    machine.use(11, "python", 60)
    assert read_sensor(sensor).reason.startswith("python at")


@pytest.mark.parametrize("name", ["amazon-ssm-agen", "ssm-agent-worke", "ssm-session-wor", "ssm-document-wo"])
def test_cpu_time_of_the_agent_is_excluded_but_that_of_its_children_counts(name: str) -> None:
    machine = Machine()
    sensor = machine.sensor()
    machine.use(20, name, 60)
    assert read_sensor(sensor).state is SignalState.QUIET
    machine.use(20, name, 0, children=60)
    assert read_sensor(sensor).state is SignalState.ACTIVE


def test_cpu_time_of_the_probe_and_its_commands_is_excluded() -> None:
    machine = Machine()
    sensor = machine.sensor()
    machine.use(ME, "python", 30, children=30)
    assert read_sensor(sensor) == Reading(SignalState.QUIET, "CPU at 0 % of a core")


def test_real_computing_process_is_detected_at_the_first_reading() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        sensor = CpuSensor(processes=lambda: [process for process in list_processes() if process.pid == busy.pid])
        reading = read_sensor(sensor)
        busy.kill()
    assert reading.state is SignalState.ACTIVE
    assert read_busy_seconds() > 0


def test_ended_process_without_a_wait_is_not_listed() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        assert ended.stdout
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert ended.pid not in {process.pid for process in list_processes()}
        assert read_name(ended.pid) == "a process"
        assert read_arguments(ended.pid) == []


def test_process_name_with_parentheses_and_spaces_is_parsed(tmp_path: Path) -> None:
    code = "import sys; open('/proc/self/comm', 'w').write(') R 1 (x'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as odd:
        assert odd.stdout
        odd.stdout.readline()
        found = next(process for process in list_processes() if process.pid == odd.pid)
    assert (found.name, found.session) == (") R 1 (x", os.getsid(0))
