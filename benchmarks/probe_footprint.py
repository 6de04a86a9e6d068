"""What the probe costs the machine that it watches: CPU time of a beat, and memory.

The probe's own document installs it on a pretend machine with eight GPUs (NVML is a stand-in there) and a Jupyter
server; it beats faster than once a minute, and is otherwise what a real machine runs. CPU time is counted by
the kernel, so the figures are of this computer; the ratio to a minute is what counts.

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

from local.machines.host.port import Invocation, MachineSpec
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose
from ssm_documents.probe.signals.gpu import SAMPLES_PER_READING

GPUS = 8
BEATS = 15
INTERVAL_SECONDS = 2.0
MINUTE_MS = 60_000
MAX_PERCENT, MAX_MB = 1.0, 100.0
TABLE, KEY, MACHINE = "heartbeats", "AROAEXAMPLE:i-0a", "i-0a"


@dataclass(frozen=True)
class Footprint:
    """What the kernel has counted of a process.

    :param cpu_ms: since it began
    :param peak_mb: the most memory that was resident at once
    """

    cpu_ms: float
    peak_mb: float


def footprint(pid: int) -> Footprint:
    """Of the process as it is now; children that have ended count as its own."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks = sum(int(field) for field in fields[11:15])
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return Footprint(ticks * 1000 / os.sysconf("SC_CLK_TCK"), peak_kb / 1000)


def probes() -> set[int]:
    """Every probe that runs on this computer, in whatever sandbox."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"/opt/gpudesk/probe.pyz" in words and b"run" in words and b"--once" not in words:
            found.add(int(process.name))
    return found


def now() -> datetime:
    """AWS's time on the machine, a minute for each beat."""
    return datetime(2026, 1, 5, tzinfo=UTC) + timedelta(minutes=time.monotonic() / INTERVAL_SECONDS)


def make_table(endpoint: str) -> None:
    """Where the heartbeat goes."""
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
    """A machine that beats.

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
    """At the first beat, after some more, and how many more."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    make_table(f"http://{host}:{port}")
    others = probes()
    with tempfile.TemporaryDirectory() as folder:
        machines = SandboxedMachines(root=Path(folder), now=now)
        try:
            install(machines, f"http://{host}:{port}")
            (pid,) = probes() - others
            heartbeats = beats_of(Path(folder))
            wait_for(lambda: heartbeats() >= 2)
            first, at_first = footprint(pid), heartbeats()
            wait_for(lambda: heartbeats() >= at_first + BEATS)
            return first, footprint(pid), heartbeats() - at_first
        finally:
            machines.close()
            server.stop()


def beats_of(folder: Path) -> Callable[[], int]:
    """How many the machine's own history has."""
    (history,) = folder.rglob("history.jsonl")
    return lambda: history.read_text(encoding="utf-8").count('"heartbeat"')


def wait_for(condition: Callable[[], bool]) -> None:
    """Look again, seldom enough to measure something else than this."""
    while not condition():
        time.sleep(INTERVAL_SECONDS / 4)


def main() -> int:
    """Exit status 1 where the probe costs more than it may, 3 where this computer has no sandbox."""
    if why := find_sandbox_problem(now):
        print(f"nothing measured: {why}")
        return 3
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    first, last, heartbeats = measure()
    per_beat = (last.cpu_ms - first.cpu_ms) / heartbeats
    percent = 100 * per_beat / MINUTE_MS
    print(f"{heartbeats} beats, {GPUS} GPUs sampled {SAMPLES_PER_READING} times in each, one Jupyter server")
    print(f"CPU time a beat: {per_beat:.0f} ms; each minute one: {percent:.2f} % of a core (at most {MAX_PERCENT} %)")
    print(f"CPU time until the first beats: {first.cpu_ms:.0f} ms, once")
    print(f"memory, at most: {last.peak_mb:.0f} MB (at most {MAX_MB:.0f} MB)")
    return int(percent > MAX_PERCENT or last.peak_mb > MAX_MB)


if __name__ == "__main__":
    raise SystemExit(main())
