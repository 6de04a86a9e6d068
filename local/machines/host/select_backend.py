"""Selection of the fleet that this computer can run. It boots a machine to find that out."""

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
    """Return a fleet of sandboxes if this computer can run one, else simulated machines with the reason."""
    problem = find_sandbox_problem(now)
    return SimulatedMachines(problem) if problem else SandboxedMachines(root, now, on_power_off)


def find_sandbox_problem(now: Now) -> str:
    """Return a sentence that says why this computer cannot run a sandbox; empty if it can."""
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
