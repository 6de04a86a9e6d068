"""Measure the costs of the probe on an instance: CPU time per heartbeat, and memory.

The document gpudesk-probe installs the probe on a simulated instance with eight GPUs, a fake NVML and a Jupyter server.
The probe sends heartbeats more often than once a minute; otherwise it runs as on a real instance. The kernel of this
computer counts the CPU time. The main result is the CPU time per heartbeat, as a share of a minute.

python -m benchmarks.probe_footprint
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
from moto.server import ThreadedMotoServer

from local.machines.host.interface import Invocation, MachineSpec
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose
from ssm_documents.probe.signals.gpu import SAMPLES_PER_READING

GPUS = 8
HEARTBEATS = 15
INTERVAL_SECONDS = 2.0
MINUTE_MS = 60_000
MAX_PERCENT, MAX_MB = 1.0, 100.0
TABLE, KEY, MACHINE = "heartbeats", "AROAEXAMPLE:i-0a", "i-0a"


@dataclass(frozen=True)
class Footprint:
    """CPU time and memory of a process, as the kernel counts them.

    :param cpu_ms: CPU time since the process started
    :param peak_mb: highest resident memory
    """

    cpu_ms: float
    peak_mb: float


def read_footprint(pid: int) -> Footprint:
    """Return the footprint of a process, including its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks = sum(int(field) for field in fields[11:15])
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return Footprint(ticks * 1000 / os.sysconf("SC_CLK_TCK"), peak_kb / 1000)


def find_probes() -> set[int]:
    """Return the process ids of all probes on this computer, in every sandbox."""
    pids = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"/opt/gpudesk/probe.pyz" in words and b"run" in words and b"--once" not in words:
            pids.add(int(process.name))
    return pids


def get_cloud_time() -> datetime:
    """Return the time that the metadata service shows: one minute passes per heartbeat."""
    return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=time.monotonic() / INTERVAL_SECONDS)


def create_table(endpoint: str) -> None:
    """Create the heartbeat table with the item of the instance."""
    dynamodb = boto3.client(
        "dynamodb", "us-east-1", endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x"
    )
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=TABLE, Item={"id": {"S": KEY}})


def install(machines: SandboxedMachines, endpoint: str) -> None:
    """Create a simulated instance with Jupyter and the probe.

    :raises SystemExit: a document failed
    """
    environment = {"AWS_ENDPOINT_URL": endpoint, "GPUDESK_PROBE_INTERVAL_SECONDS": str(INTERVAL_SECONDS)}
    spec = MachineSpec(MACHINE, "p4d.24xlarge", "us-east-1", "A100-SXM4-40GB", GPUS, 40_960, environment=environment)
    machines.create(spec)
    machines.boot(MACHINE)
    probe = {"heartbeatKey": KEY, "heartbeatTable": TABLE, "heartbeatRegion": "us-east-1", "gpuCount": str(GPUS)}
    for document, values in (("gpudesk-jupyter", {}), ("gpudesk-probe", probe)):
        parameters = {name: [value] for name, value in {"attemptId": document, **values}.items()}
        result = machines.run(MACHINE, Invocation(document, document, compose(document), parameters))
        if result.status != "Success":
            raise SystemExit(f"{document}: {result}")


def measure() -> tuple[Footprint, Footprint, int]:
    """Return the footprints before and after a number of heartbeats, and that number."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    create_table(f"http://{host}:{port}")
    others = find_probes()
    with tempfile.TemporaryDirectory() as folder:
        machines = SandboxedMachines(root=Path(folder), now=get_cloud_time)
        try:
            install(machines, f"http://{host}:{port}")
            (pid,) = find_probes() - others
            heartbeats = build_heartbeat_counter(Path(folder))
            wait_for(lambda: heartbeats() >= 2)
            first, at_first = read_footprint(pid), heartbeats()
            wait_for(lambda: heartbeats() >= at_first + HEARTBEATS)
            return first, read_footprint(pid), heartbeats() - at_first
        finally:
            machines.close()
            server.stop()


def build_heartbeat_counter(folder: Path) -> Callable[[], int]:
    """Return a function that counts the heartbeats in the history of the instance."""
    (history,) = folder.rglob("history.jsonl")
    return lambda: history.read_text(encoding="utf-8").count('"heartbeat"')


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true, with pauses that are too long to influence the measurement."""
    while not condition():
        time.sleep(INTERVAL_SECONDS / 4)


def main() -> int:
    """Print the costs.

    :returns: exit status: 1 if the costs exceed the limits, 3 if this computer cannot run a sandbox
    """
    if problem := find_sandbox_problem(get_cloud_time):
        print(f"Nothing was measured. {problem}")
        return 3
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    first, last, heartbeats = measure()
    per_heartbeat = (last.cpu_ms - first.cpu_ms) / heartbeats
    percent = 100 * per_heartbeat / MINUTE_MS
    print(f"{heartbeats} heartbeats, {GPUS} GPUs sampled {SAMPLES_PER_READING} times per heartbeat, one Jupyter server")
    print(
        f"CPU time per heartbeat: {per_heartbeat:.0f} ms, which is {percent:.2f} % of a core (limit: {MAX_PERCENT} %)"
    )
    print(f"CPU time of the start and the first 2 heartbeats: {first.cpu_ms:.0f} ms")
    print(f"Peak memory: {last.peak_mb:.0f} MB (limit: {MAX_MB:.0f} MB)")
    return int(percent > MAX_PERCENT or last.peak_mb > MAX_MB)


if __name__ == "__main__":
    raise SystemExit(main())
