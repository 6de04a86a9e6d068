"""gpudesk-probe and gpudesk-jupyter in a sandbox: their scripts, the probe and JupyterLab really run.

The probe is set up on one machine, and Jupyter on the same machine after the tests of the probe. Each test leaves the
machine without activity.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from websocket import create_connection

from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse
from local.demo.notebook import Notebook
from local.machines.host.interface import InvocationResult
from local.machines.host.sandboxed import SandboxedMachines
from tests.support.heartbeat_table import HeartbeatTable, serve_heartbeat_table
from tests.support.sandbox import TIMEOUT_SECONDS, Machine, booted, wait_for

PROBE, JUPYTER = "gpudesk-probe", "gpudesk-jupyter"

MODULES_OF_THE_USER = """set -e
install -d -o ubuntu /home/ubuntu/work
for file in /home/ubuntu/random.py /home/ubuntu/work/calendar.py; do
  echo 'raise SystemExit("a file of the user")' >$file; chown ubuntu: $file
done"""
"""Files that replace modules of Python in programs that start in these folders."""


@dataclass(frozen=True)
class MonitoredMachine:
    """A machine with one GPU, whose probe writes to a table."""

    machine: Machine
    table: HeartbeatTable

    def wait_for_heartbeat(self, condition: Callable[[Heartbeat], object]) -> Heartbeat:
        return wait_for(self.table.read, condition)

    def wait_for_signal(self, name: str, condition: Callable[[Evidence], object]) -> Evidence:
        return wait_for(lambda: self.table.read().signals[name], condition)

    def wait_for_state(self, name: str, state: SignalState) -> Evidence:
        return self.wait_for_signal(name, lambda signal: signal.state is state)

    def wait_for_reason(self, name: str, reason: str) -> Evidence:
        return self.wait_for_signal(name, lambda signal: signal.reason == reason)

    @contextmanager
    def forward_jupyter(self) -> Iterator[int]:
        """Forward a port of this computer to Jupyter on the machine."""
        forwarding = self.machine.fleet.forward(self.machine.id, 8888, 0)
        try:
            yield forwarding.local_port
        finally:
            forwarding.close()


@dataclass(frozen=True)
class SetupRun:
    """The result of the first run of a document, on a machine that it has set up."""

    monitored: MonitoredMachine
    result: InvocationResult


@pytest.fixture(scope="module")
def probe(fleet: SandboxedMachines) -> Iterator[SetupRun]:
    """Set up the probe on a new machine."""
    with serve_heartbeat_table() as table:
        environment = {"AWS_ENDPOINT_URL": table.endpoint, "GPUDESK_PROBE_INTERVAL_SECONDS": "0.5"}
        with booted(fleet, environment=environment) as machine:
            table.add(machine.defaults["heartbeatKey"])
            yield SetupRun(MonitoredMachine(machine, table), machine.run(PROBE, "a1"))


@pytest.fixture(scope="module")
def jupyter(probe: SetupRun) -> SetupRun:
    """Set up Jupyter on the machine with the probe. The user has files named like modules of Python."""
    probe.monitored.machine.shell(MODULES_OF_THE_USER)
    return SetupRun(probe.monitored, probe.monitored.machine.run(JUPYTER))


def request_json(port: int, path: str, token: str | None = None, body: object = None) -> Any:
    """Send a POST request with the body, or a GET request without one."""
    headers = {"Authorization": f"token {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, data=data)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        return json.loads(response.read() or b"null")


def read_page(port: int, path: str, token: str) -> str:
    """Return a page as a browser gets it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?token={token}", timeout=TIMEOUT_SECONDS) as response:
        return str(response.read(), "utf-8")


def test_probe_sends_heartbeats_and_detects_gpu_use(probe: SetupRun) -> None:
    monitored, result = probe.monitored, probe.result
    assert [(step.name, step.status) for step in result.steps] == [
        ("inspect", "Success"),
        ("install", "Success"),
        ("start", "Success"),
    ], result
    assert "Tesla T4" in result.steps[0].stdout
    assert "gpu: quiet (the GPU is below 5 %)" in result.steps[2].stdout
    assert monitored.table.read().instance_id == monitored.machine.id
    assert monitored.table.read().signals["jupyter"].reason == "no Jupyter server runs"
    heartbeat = monitored.wait_for_heartbeat(lambda heartbeat: heartbeat.signals["gpu"].samples >= 3)
    assert {signal.state for signal in heartbeat.signals.values()} == {SignalState.QUIET}, (
        "no program of a user is running"
    )
    machine = monitored.machine
    machine.fleet.set_gpu_utilization(machine.id, [97])
    assert "97 %" in monitored.wait_for_state("gpu", SignalState.ACTIVE).reason
    machine.fleet.set_gpu_utilization(machine.id, [0])


def test_cpu_use_is_detected_on_the_instance_that_computes(probe: SetupRun) -> None:
    monitored, machine = probe.monitored, probe.monitored.machine
    assert monitored.wait_for_signal("cpu", lambda signal: signal.samples >= 2).state is SignalState.QUIET
    machine.shell("nohup sh -c 'while :; do :; done' >/dev/null 2>&1 &")
    assert "sh at" in monitored.wait_for_state("cpu", SignalState.ACTIVE).reason
    machine.shell("pkill --full 'while :'")
    monitored.wait_for_state("cpu", SignalState.QUIET)


def test_hold_keep_status_and_history_work_on_the_instance(probe: SetupRun) -> None:
    monitored, machine = probe.monitored, probe.monitored.machine
    machine.shell("nohup gpudesk-hold --reason 'waiting for a colleague' sleep 600 >/dev/null 2>&1 &")
    assert "waiting for a colleague" in monitored.wait_for_state("hold", SignalState.ACTIVE).reason
    machine.shell("pkill sleep")
    monitored.wait_for_state("hold", SignalState.QUIET)
    assert "Keep requested." in machine.shell("gpudesk-keep --no-wait 4h")
    monitored.wait_for_heartbeat(lambda heartbeat: heartbeat.keep_request)
    assert "hold" in machine.shell("gpudesk-status")
    assert json.loads(machine.shell("gpudesk-history | head -n 1"))["event"] == "ready"


def test_command_sent_twice_runs_once_and_another_attempt_runs_again(probe: SetupRun) -> None:
    machine = probe.monitored.machine
    again = machine.run(PROBE, "a1")
    assert again.status == "Success"
    assert all("has already run this step" in step.stdout for step in again.steps)
    machine.shell("systemctl stop gpudesk-probe")
    other = machine.run(PROBE, "a2")
    assert other.status == "Success"
    assert not any("has already run this step" in step.stdout for step in other.steps)
    assert machine.shell("systemctl is-active gpudesk-probe") == "active", "each attempt starts a stopped service"


def test_missing_gpu_fails_the_first_step_with_advice_and_runs_no_other_step(probe: SetupRun) -> None:
    result = probe.monitored.machine.run(PROBE, gpuCount="4")
    assert result.status == "Failed"
    assert result.steps[0].exit_code == 1
    assert "nvidia-smi lists 1 of 4 expected GPUs" in result.steps[0].stderr
    assert "Stop and start the instance" in result.steps[0].stderr
    assert "Success" not in {step.status for step in result.steps}


def test_jupyter_requires_the_token_that_the_instance_created(jupyter: SetupRun) -> None:
    monitored, machine, result = jupyter.monitored, jupyter.monitored.machine, jupyter.result
    assert result.status == "Success", result
    token = machine.shell("cat /etc/gpudesk/jupyter-token")
    assert len(token) == 48
    assert token not in "".join(step.stdout + step.stderr for step in result.steps)
    assert machine.shell("stat -c %a /etc/gpudesk/jupyter-token") == "600"
    with monitored.forward_jupyter() as port:
        assert "version" in request_json(port, "/api")
        assert "JupyterLab" in read_page(port, "/lab", token)
        settings = request_json(port, "/lab/api/settings/@jupyterlab/apputils-extension:notification", token)
        assert settings["schema"]["properties"]["fetchNews"]["default"] == "false", "overrides.json has an effect"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            request_json(port, "/api/kernels")
        assert request_json(port, "/api/kernels", token) == []


def test_setup_rerun_keeps_jupyter_and_its_token(jupyter: SetupRun) -> None:
    """Kernels outlive a setup that runs again, and an upgrade of Ubuntu's packages."""
    machine = jupyter.monitored.machine
    token = machine.shell("cat /etc/gpudesk/jupyter-token")
    server = machine.shell("pgrep -f 'm jupyterlab'")
    assert "upgraded" in machine.shell("apt-get --yes upgrade")
    assert machine.shell("snap refresh") == "Refreshes are held."
    again = machine.run(JUPYTER)
    assert again.status == "Success"
    assert "was done before and has not changed" in again.steps[0].stdout
    assert "gpudesk-jupyter.service is already running" in again.steps[1].stdout
    assert machine.shell("pgrep -f 'm jupyterlab'") == server
    assert machine.shell("cat /etc/gpudesk/jupyter-token") == token


def test_kernel_activity_is_detected_and_everything_survives_a_stop(jupyter: SetupRun) -> None:
    monitored, machine = jupyter.monitored, jupyter.monitored.machine
    monitored.wait_for_reason("jupyter", "no kernel is running")
    token = machine.shell("cat /etc/gpudesk/jupyter-token")
    machine.shell("mkfifo -m 666 /home/ubuntu/work/gate")
    with monitored.forward_jupyter() as port:
        notebook = Notebook(f"http://127.0.0.1:{port}", token)
        cell = notebook.run_cell("train.ipynb", "open('gate').read(); print(open('/etc/hostname').read())")
        monitored.wait_for_reason("jupyter", "kernel train.ipynb is running a cell")
        machine.shell("echo go >/home/ubuntu/work/gate")
        monitored.wait_for_state("jupyter", SignalState.QUIET)
        wait_for(lambda: cell.output, lambda output: output.startswith("ip-10-0-"))
    assert monitored.table.read().live_counts == {"kernels": 1}

    machine.halt()
    before = monitored.table.read()
    machine.boot()
    monitored.wait_for_heartbeat(lambda heartbeat: heartbeat.boot_id != before.boot_id)
    monitored.wait_for_reason("jupyter", "no kernel is running")
    assert monitored.table.read().signals["gpu"].since > before.at
    with monitored.forward_jupyter() as port:
        assert "version" in request_json(port, "/api")


def test_stop_warning_appears_in_jupyterlab(jupyter: SetupRun) -> None:
    monitored = jupyter.monitored
    token = monitored.machine.shell("cat /etc/gpudesk/jupyter-token")
    with monitored.forward_jupyter() as port:
        stream = f"ws://127.0.0.1:{port}/jupyterlab-notifications-extension/stream?token={token}"
        browser = create_connection(stream, timeout=TIMEOUT_SECONDS)
        warning = ActiveWarning(id="w-1", warning_type="idle", stop_at=datetime(2030, 1, 1, 16, 40, tzinfo=UTC))
        monitored.table.respond(HeartbeatResponse(warning=warning))
        (shown,) = json.loads(browser.recv())["notifications"]
        browser.close()
    assert "This instance will be stopped at 16:40 UTC" in shown["message"]
    assert (shown["type"], shown["autoClose"]) == ("warning", False)
