"""Which fleet this computer can have, found out by booting a machine once."""

import shutil
import sys
import tempfile
from pathlib import Path

from local.machines.errors import SandboxUnavailable

from .imds import Now
from .port import MachineSpec
from .sandboxed import OnPowerOff, SandboxedMachines
from .simulated import SimulatedMachines

TRIAL = MachineSpec("i-00000000000000000", "t3.micro", "us-east-1", None, 0)


def select_backend(
    root: Path, now: Now, on_power_off: OnPowerOff | None = None
) -> SandboxedMachines | SimulatedMachines:
    """Real machines where a sandbox is to be had, else simulated ones, whose `why` says what is missing."""
    why = find_sandbox_problem(now)
    return SimulatedMachines(why) if why else SandboxedMachines(root, now, on_power_off)


def find_sandbox_problem(now: Now) -> str:
    """What keeps this computer from running pretend instances, as a sentence; empty where nothing does."""
    if sys.platform != "linux":
        return f"Pretend instances need Linux namespaces; this is {sys.platform}."
    folder = Path(tempfile.mkdtemp(prefix="gpudesk-trial-"))
    machines = SandboxedMachines(folder, now)
    try:
        machines.create(TRIAL)
        machines.boot(TRIAL.instance_id)
    except SandboxUnavailable as error:
        return f"This computer cannot run a sandbox: {error}"
    finally:
        machines.close()
        shutil.rmtree(folder, ignore_errors=True)
    return ""
