"""The documents on pretend machines: their scripts really run, the probe really beats, Jupyter really answers.

One machine has the probe alone, another the probe and Jupyter; each test leaves its machine as quiet as it was.
"""

import functools
import itertools
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from moto.server import ThreadedMotoServer
from websocket import create_connection

from chalicelib.domain.idle.evidence import Evidence, SignalState
from chalicelib.domain.idle.heartbeat import Heartbeat
from chalicelib.domain.idle.heartbeat_decoding import decode_heartbeat
from chalicelib.domain.idle.heartbeat_response import ActiveWarning, HeartbeatResponse, encode_response
from local.machines.host.interface import Invocation, InvocationResult, MachineSpec
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose

KEY = "AROAEXAMPLE:i-0a"
PATIENCE_SECONDS = 30.0

composed = functools.cache(compose)


class Fleet:
    """One machine with a GPU, a heartbeat table, and a time that goes on by a minute at each question."""

    def __init__(self, machines: SandboxedMachines, dynamodb: Any, table: str) -> None:
        self.machines = machines
        self._dynamodb = dynamodb
        self._table = table
        self._commands = itertools.count(1)

    def run(self, document: str, attempt: str, **parameters: str) -> InvocationResult:
        values = {"attemptId": attempt} | parameters
        command = Invocation(
            command_id=f"c-{next(self._commands)}",
            document_name=document,
            document=composed(document),
            parameters={name: [value] for name, value in values.items()},
        )
        return self.machines.run("i-0a", command)

    def probe(self, attempt: str, gpu_count: str = "1") -> InvocationResult:
        return self.run(
            "gpudesk-probe",
            attempt,
            gpuCount=gpu_count,
            heartbeatKey=KEY,
            heartbeatTable=self._table,
            heartbeatRegion="us-east-1",
        )

    def shell(self, line: str) -> str:
        step = {"action": "aws:runShellScript", "name": "shell", "inputs": {"runCommand": [line]}}
        document = {"schemaVersion": "2.2", "description": "d", "mainSteps": [step]}
        result = self.machines.run("i-0a", Invocation(f"c-{next(self._commands)}", "shell", document, {}))
        return result.steps[0].stdout.strip()

    def heartbeat(self) -> Heartbeat:
        item = self._dynamodb.get_item(TableName=self._table, Key={"id": {"S": KEY}})["Item"]
        plain = {name: _plain(TypeDeserializer().deserialize(value)) for name, value in item.items()}
        heartbeat = decode_heartbeat(plain)
        assert isinstance(heartbeat, Heartbeat), heartbeat
        return heartbeat

    def write_response(self, response: HeartbeatResponse) -> None:
        """As the desk does: beside the heartbeat, for the machine to read with its next."""
        self._dynamodb.update_item(
            TableName=self._table,
            Key={"id": {"S": KEY}},
            UpdateExpression="SET #response = :response",
            ExpressionAttributeNames={"#response": "response"},
            ExpressionAttributeValues={":response": TypeSerializer().serialize(encode_response(response))},
        )

    def signal(self, name: str) -> Evidence:
        return self.heartbeat().signals[name]


@dataclass(frozen=True)
class SetUp:
    """A machine, and what became of setting it up."""

    fleet: Fleet
    result: InvocationResult


def _plain(value: Any) -> Any:
    """Numbers as the desk's own reading has them."""
    match value:
        case Decimal():
            return int(value)
        case list():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case _:
            return value


def until(condition: Callable[[], bool]) -> None:
    """Look again until it holds; each look is a call that takes its time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"


def request_json(port: int, path: str, token: str | None = None, body: object = None) -> Any:
    """GET, or POST where there is a body."""
    headers = {"Authorization": f"token {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, data=data)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
        return json.loads(response.read() or b"null")


def page(port: int, path: str, token: str) -> str:
    """What a browser is given."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?token={token}", timeout=PATIENCE_SECONDS) as response:
        return str(response.read(), "utf-8")


@contextmanager
def forwarded(fleet: Fleet) -> Iterator[int]:
    """A port of this computer that leads to the machine's Jupyter."""
    forwarding = fleet.machines.forward("i-0a", 8888, 0)
    try:
        yield forwarding.local_port
    finally:
        forwarding.close()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def a_client(endpoint: str, table: str) -> Iterator[Any]:
    """Of a DynamoDB that has the table of heartbeats."""
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )
    client.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName=table, Item={"id": {"S": KEY}})
    yield client
    client.close()


@pytest.fixture(scope="module")
def now() -> Callable[[], datetime]:
    """A minute later at each question."""
    minutes = itertools.count()
    return lambda: datetime(2026, 11, 23, tzinfo=UTC) + next(minutes) * timedelta(minutes=1)


@contextmanager
def a_fleet(folder: Path, endpoint: str, now: Callable[[], datetime]) -> Iterator[Fleet]:
    if why := find_sandbox_problem(now):
        pytest.skip(why)
    machines = SandboxedMachines(root=folder, now=now)
    with a_client(endpoint, folder.name) as dynamodb:
        machines.create(
            MachineSpec(
                instance_id="i-0a",
                instance_type="g4dn.xlarge",
                region="us-east-1",
                gpu="Tesla T4",
                gpu_count=1,
                gpu_memory_mib=16384,
                environment={"AWS_ENDPOINT_URL": endpoint, "GPUDESK_PROBE_INTERVAL_SECONDS": "0.2"},
            )
        )
        machines.boot("i-0a")
        yield Fleet(machines, dynamodb, folder.name)
        machines.close()


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory, endpoint: str, now: Callable[[], datetime]) -> Iterator[SetUp]:
    """A machine with the probe, and the command that put it there."""
    with a_fleet(tmp_path_factory.mktemp("probed"), endpoint, now) as fleet:
        yield SetUp(fleet, fleet.probe("a1"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, endpoint: str, now: Callable[[], datetime]) -> Iterator[SetUp]:
    """A machine with the probe and Jupyter, and the command that put Jupyter there."""
    with a_fleet(tmp_path_factory.mktemp("lab"), endpoint, now) as fleet:
        assert fleet.probe("a1").status == "Success"
        yield SetUp(fleet, fleet.run("gpudesk-jupyter", "a2"))


def test_probe_sends_heartbeats_and_detects_gpu_use(probed: SetUp) -> None:
    fleet, result = probed.fleet, probed.result
    assert [(step.name, step.status) for step in result.steps] == [
        ("inspect", "Success"),
        ("install", "Success"),
        ("start", "Success"),
    ], result
    assert "Tesla T4" in result.steps[0].stdout
    assert "gpu: quiet (the GPU is below 5 %)" in result.steps[2].stdout
    assert fleet.heartbeat().instance_id == "i-0a"
    assert fleet.signal("jupyter").reason == "no Jupyter server runs"
    until(lambda: fleet.signal("gpu").samples >= 3)
    assert {signal.state for signal in fleet.heartbeat().signals.values()} == {SignalState.QUIET}, (
        "a machine that does nothing"
    )
    fleet.machines.set_gpu_utilization("i-0a", [97])
    until(lambda: fleet.signal("gpu").state is SignalState.ACTIVE)
    assert "97 %" in fleet.signal("gpu").reason
    fleet.machines.set_gpu_utilization("i-0a", [0])


def test_cpu_use_is_detected_on_the_instance_that_computes(probed: SetUp) -> None:
    fleet = probed.fleet
    until(lambda: fleet.signal("cpu").samples >= 2)
    assert fleet.signal("cpu").state is SignalState.QUIET
    fleet.shell("nohup sh -c 'while :; do :; done' >/dev/null 2>&1 &")
    until(lambda: fleet.signal("cpu").state is SignalState.ACTIVE)
    assert "sh at" in fleet.signal("cpu").reason
    fleet.shell("pkill --full 'while :'")
    until(lambda: fleet.signal("cpu").state is SignalState.QUIET)


def test_hold_keep_status_and_history_work_on_the_instance(probed: SetUp) -> None:
    fleet = probed.fleet
    fleet.shell("nohup gpudesk-hold --reason 'waiting for a colleague' sleep 600 >/dev/null 2>&1 &")
    until(lambda: fleet.signal("hold").state is SignalState.ACTIVE)
    assert "waiting for a colleague" in fleet.signal("hold").reason
    fleet.shell("pkill sleep")
    until(lambda: fleet.signal("hold").state is SignalState.QUIET)
    assert "Keep requested." in fleet.shell("gpudesk-keep --no-wait 4h")
    until(lambda: fleet.heartbeat().keep_request is not None)
    assert "hold" in fleet.shell("gpudesk-status")
    assert json.loads(fleet.shell("gpudesk-history | head -n 1"))["event"] == "ready"


def test_command_sent_twice_runs_once_and_another_attempt_runs_again(probed: SetUp) -> None:
    fleet = probed.fleet
    again = fleet.probe("a1")
    assert again.status == "Success"
    assert all("has already run this step" in step.stdout for step in again.steps)
    other = fleet.probe("a2")
    assert other.status == "Success"
    assert not any("has already run this step" in step.stdout for step in other.steps)
    assert fleet.shell("systemctl is-active gpudesk-probe") == "active"


def test_missing_gpu_fails_the_first_step_with_advice_and_runs_no_other_step(probed: SetUp) -> None:
    result = probed.fleet.probe("a-of-four", gpu_count="4")
    assert result.status == "Failed"
    assert result.steps[0].exit_code == 1
    assert "nvidia-smi lists 1 of 4 expected GPUs" in result.steps[0].stderr
    assert "Stop and start the instance" in result.steps[0].stderr
    assert "Success" not in {step.status for step in result.steps}


def test_jupyter_requires_the_token_that_the_instance_created(lab: SetUp) -> None:
    fleet, result = lab.fleet, lab.result
    assert result.status == "Success", result
    token = fleet.shell("cat /etc/gpudesk/jupyter-token")
    assert len(token) == 48
    assert token not in "".join(step.stdout + step.stderr for step in result.steps)
    assert fleet.shell("stat -c %a /etc/gpudesk/jupyter-token") == "600"
    with forwarded(fleet) as port:
        assert "version" in request_json(port, "/api")
        assert "JupyterLab" in page(port, "/lab", token)
        settings = request_json(port, "/lab/api/settings/@jupyterlab/apputils-extension:notification", token)
        assert settings["schema"]["properties"]["fetchNews"]["default"] == "false", "the document's overrides are read"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            request_json(port, "/api/kernels")
        assert request_json(port, "/api/kernels", token) == []
    server = fleet.shell("pgrep -f 'm jupyterlab'")
    again = fleet.run("gpudesk-jupyter", "a3")
    assert again.status == "Success"
    assert "was done before and has not changed" in again.steps[0].stdout
    assert "gpudesk-jupyter.service is already running" in again.steps[1].stdout
    assert fleet.shell("pgrep -f 'm jupyterlab'") == server, "kernels outlive a setup that runs again"
    assert fleet.shell("cat /etc/gpudesk/jupyter-token") == token
    fleet.shell("systemctl stop gpudesk-jupyter")
    assert fleet.run("gpudesk-jupyter", "a4").status == "Success"
    assert fleet.shell("systemctl is-active gpudesk-jupyter") == "active", "a service is seen to at each run"


def start_cell(port: int, token: str, notebook: str, code: str) -> None:
    """Open a notebook's kernel and run a cell in it, as a browser does."""
    notebook_session = {"path": notebook, "name": notebook, "type": "notebook", "kernel": {"name": "python3"}}
    kernel = request_json(port, "/api/sessions", token, notebook_session)["kernel"]["id"]
    channels = create_connection(f"ws://127.0.0.1:{port}/api/kernels/{kernel}/channels?token={token}")
    header = {"msg_id": "m1", "msg_type": "execute_request", "username": "", "session": "s1", "version": "5.3"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    parts = {"parent_header": {}, "metadata": {}, "channel": "shell", "buffers": []}
    channels.send(json.dumps({"header": header, "content": content, **parts}))
    channels.close()


def test_kernel_activity_is_detected_and_everything_survives_a_stop(lab: SetUp) -> None:
    fleet = lab.fleet
    until(lambda: fleet.signal("jupyter").reason == "no kernel is running")
    token = fleet.shell("cat /etc/gpudesk/jupyter-token")
    fleet.shell("mkfifo -m 666 /home/ubuntu/work/gate")
    with forwarded(fleet) as port:
        start_cell(port, token, "train.ipynb", "open('gate').read()")
    until(lambda: fleet.signal("jupyter").reason == "kernel train.ipynb is running a cell")
    fleet.shell("echo go >/home/ubuntu/work/gate")
    until(lambda: fleet.signal("jupyter").state is SignalState.QUIET)
    assert fleet.heartbeat().live_counts == {"kernels": 1}

    fleet.machines.halt("i-0a")
    before = fleet.heartbeat()
    fleet.machines.boot("i-0a")
    until(lambda: bool(fleet.heartbeat().boot_id != before.boot_id))
    until(lambda: fleet.signal("jupyter").reason == "no kernel is running")
    assert fleet.signal("gpu").since > before.at
    with forwarded(fleet) as port:
        assert "version" in request_json(port, "/api")


def test_stop_warning_appears_in_jupyterlab(lab: SetUp) -> None:
    fleet = lab.fleet
    token = fleet.shell("cat /etc/gpudesk/jupyter-token")
    with forwarded(fleet) as port:
        stream = f"ws://127.0.0.1:{port}/jupyterlab-notifications-extension/stream?token={token}"
        browser = create_connection(stream, timeout=PATIENCE_SECONDS)
        stop_at = datetime(2030, 1, 1, 16, 40, tzinfo=UTC)
        fleet.write_response(HeartbeatResponse(warning=ActiveWarning(id="w-1", warning_type="idle", stop_at=stop_at)))
        (shown,) = json.loads(browser.recv())["notifications"]
        browser.close()
    assert "This instance will be stopped at 16:40 UTC" in shown["message"]
    assert (shown["type"], shown["autoClose"]) == ("warning", False)
