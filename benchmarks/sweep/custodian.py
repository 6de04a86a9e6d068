"""Run Cloud Custodian (c7n) on the local cloud, in an environment of its own, and measure its CPU time.

The policy finds running instances with a CPU utilization below 5 percent, which is what people write to find idle ones.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REQUIREMENT = "c7n==0.9.53"
POLICY = {
    "policies": [
        {
            "name": "idle",
            "resource": "aws.ec2",
            "filters": [
                {"State.Name": "running"},
                {
                    "type": "metrics",
                    "name": "CPUUtilization",
                    "days": 1,
                    "period": 3600,
                    "statistics": "Average",
                    "value": 5,
                    "op": "less-than",
                },
            ],
        }
    ]
}
EMPTY_REGION = "eu-north-1"
"""A region without instances: the CPU time of a run there is that of the start."""


@dataclass(frozen=True)
class CustodianRun:
    """The costs of one run.

    :param found: how many instances the policy has found
    """

    cpu_seconds: float
    peak_mb: float
    found: int


def install(folder: Path) -> Path:
    """Create an environment with c7n, and return its program."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip: list[str | Path] = [folder / "bin/pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, REQUIREMENT], check=True, stderr=subprocess.DEVNULL)
    # Both programs start from bytecode.
    subprocess.run([folder / "bin/python", "-m", "compileall", "-q", folder / "lib"], check=False)
    return folder / "bin/custodian"


def run(custodian: Path, environment: Mapping[str, str], region: str) -> CustodianRun:
    """Run the policy in a region without acting on what it finds."""
    with tempfile.TemporaryDirectory() as folder:
        policy, output = Path(folder, "policy.json"), Path(folder, "output")
        policy.write_text(json.dumps(POLICY), encoding="utf-8")
        command: list[str | Path] = [
            custodian,
            "run",
            "--dryrun",
            "--region",
            region,
            "--cache-period",
            "0",
            "-s",
            output,
            policy,
        ]
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        log = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"custodian failed:\n{log}")
        found = json.loads((output / "idle/resources.json").read_text(encoding="utf-8"))
    return CustodianRun(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000, len(found))
