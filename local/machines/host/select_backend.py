"""Choice of the fleet that this computer can run, made by booting a machine once."""

import shutil
import sys
import tempfile
from pathlib import Path

from local.machines.errors import SandboxUnavailable

from .imds import Now
from .interface import MachineSpec
from .sandboxed import OnPowerOff, SandboxedMachines
from .simulated import SimulatedMachines

TRIAL_SPEC = MachineSpec("i-00000000000000000", "t3.micro", "us-east-1", None, 0)


def select_backend(
    root: Path, now: Now, on_power_off: OnPowerOff | None = None
) -> SandboxedMachines | SimulatedMachines:
    """Return real machines if a sandbox works, else simulated ones whose `reason` says what is missing."""
    problem = find_sandbox_problem(now)
    return SimulatedMachines(problem) if problem else SandboxedMachines(root, now, on_power_off)


def find_sandbox_problem(now: Now) -> str:
    """Return why this computer cannot run real machines, as a sentence; empty if it can."""
    if sys.platform != "linux":
        return f"The sandbox needs Linux namespaces, and this computer runs {sys.platform}."
    folder = Path(tempfile.mkdtemp(prefix="gpudesk-trial-"))
    machines = SandboxedMachines(folder, now)
    try:
        machines.create(TRIAL_SPEC)
        machines.boot(TRIAL_SPEC.instance_id)
    except SandboxUnavailable as error:
        return f"This computer cannot run a sandbox. {error}"
    finally:
        machines.close()
        shutil.rmtree(folder, ignore_errors=True)
    return ""
