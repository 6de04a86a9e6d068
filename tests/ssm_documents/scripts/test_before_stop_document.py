"""gpudesk-before-stop in a sandbox: the owner's program runs as ubuntu within its time, or is refused with a reason."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.domain.desk.hook_path import HOOK_PATTERN, is_hook_path
from chalicelib.domain.idle.heartbeat_response import HOOK_FOLDER
from chalicelib.domain.instances.before_stop import BEFORE_STOP_DOCUMENT, StopReason, get_script_limit
from chalicelib.domain.setup.step_output import StepOutput, select_last_lines
from local.machines.host.interface import StepResult
from local.machines.host.sandboxed import SandboxedMachines
from ssm_documents.probe import before_stop
from tests.support.documents import copy_document
from tests.support.sandbox import Machine, booted

HOOK = "/home/ubuntu/save.sh"


@pytest.fixture(scope="module")
def machine(fleet: SandboxedMachines) -> Iterator[Machine]:
    with booted(fleet, gpu=None) as machine:
        yield machine


def install(machine: Machine, *lines: str) -> None:
    text = "\n".join(("#!/bin/bash", *lines))
    machine.shell(f"rm -rf {HOOK}; cat >{HOOK} <<'HOOK'\n{text}\nHOOK", f"chown ubuntu: {HOOK}; chmod 755 {HOOK}")


def run_hook(machine: Machine, attempt: str | None = None, seconds: int = 20) -> StepResult:
    parameters = {"hook": HOOK, "seconds": str(seconds), "stopReason": "idle"}
    (step,) = machine.run(BEFORE_STOP_DOCUMENT, attempt, **parameters).steps
    return step


def test_hook_runs_once_per_attempt_as_ubuntu_and_its_output_is_printed(machine: Machine) -> None:
    install(machine, "echo run >>~/runs", 'echo "$(id -un) $HOME $GPUDESK_STOP_REASON"', "echo oops >&2")
    step = run_hook(machine, "stop-1")
    assert (step.status, step.stderr) == ("Success", "")
    assert step.stdout.splitlines() == ["ubuntu /home/ubuntu idle", "oops"]
    assert "already run this step" in run_hook(machine, "stop-1").stdout
    assert machine.shell("cat /home/ubuntu/runs") == "run"


def test_hook_that_hangs_is_ended_with_all_its_processes_and_shows_its_output(machine: Machine) -> None:
    install(machine, "echo saving", "sleep 1000 &", "sleep 1000")
    step = run_hook(machine, seconds=1)
    assert step.status == "Failed"
    assert "The hook did not end within 1 s" in step.stderr
    assert "saving" in step.stdout
    assert machine.shell("pgrep -c sleep || true") == "0"


def test_hook_that_is_killed_shows_only_its_own_output(machine: Machine) -> None:
    install(machine, "echo saving", "kill -KILL $$")
    step = run_hook(machine)
    assert "The hook was killed after " in step.stderr
    output = StepOutput(name="hook", status=step.status, exit_code=1, output=f"{step.stdout}\n{step.stderr}")
    assert select_last_lines(output) == ("saving",)


def test_program_in_the_background_that_keeps_the_output_open_delays_nothing(machine: Machine) -> None:
    install(machine, "setsid sleep 1000 &", "exit 3")
    step = run_hook(machine)
    assert "The hook exited with status 3." in step.stderr
    machine.shell("pkill sleep")


def test_hook_that_is_missing_outside_the_home_folder_or_not_executable_is_not_run(machine: Machine) -> None:
    machine.shell(f"rm -f {HOOK}")
    assert f"{HOOK} does not exist." in run_hook(machine).stderr
    machine.shell(f"ln -s /bin/true {HOOK}")
    assert "which is not in /home/ubuntu" in run_hook(machine).stderr
    install(machine, "true")
    machine.shell(f"chmod 644 {HOOK}")
    assert "is not an executable file" in run_hook(machine).stderr
    machine.shell(f"rm {HOOK}; mkdir {HOOK}; chown ubuntu: {HOOK}")
    assert "is not an executable file" in run_hook(machine).stderr


def run_as_probe(machine: Machine, seconds: int = 20) -> str:
    """Run the hook as the probe does before a self-stop, and return what it logs. The module runs without the probe."""
    imported = "from chalicelib.domain.idle.heartbeat_response import HOOK_FOLDER"
    source = Path(before_stop.__file__).read_text(encoding="utf-8")
    assert imported in source
    code = source.replace(imported, f"HOOK_FOLDER = {HOOK_FOLDER!r}")
    call = f"run_hook({HOOK!r}, Path('/root/lock'), {seconds})"
    return machine.shell(f"python3 -I - 2>&1 <<'PROBE'\n{code}\n{call}\nPROBE")


def test_probe_runs_the_hook_before_a_self_stop_within_its_time(machine: Machine) -> None:
    install(machine, 'echo "$(id -un) $HOME $GPUDESK_STOP_REASON"')
    assert run_as_probe(machine) == "ubuntu /home/ubuntu self"
    install(machine, "sleep 1000 &", "sleep 1000")
    assert "returned non-zero exit status 124" in run_as_probe(machine, 1)
    assert machine.shell("pgrep -c sleep || true") == "0"
    machine.shell(f"rm -f {HOOK}; ln -s /bin/true {HOOK}")
    assert "is not in /home/ubuntu/ or does not belong to ubuntu" in run_as_probe(machine)
    assert get_script_limit(StopReason.IDLE).total_seconds() == before_stop.LIMIT_SECONDS


PATHS = {
    "/home/ubuntu/save.sh": True,
    "/home/ubuntu/.local/bin/save": True,
    "/home/ubuntu/a..b": True,
    "/home/ubuntu/": False,
    "/home/ubuntu/../root/x": False,
    "/home/ubuntu/a/./b": False,
    "/home/ubuntu/a//b": False,
    "/home/ubuntu/a b": False,
    "/home/ubuntu/$(reboot)": False,
    "/home/ubuntu/a;b": False,
    "/home/ubuntu/a\n": False,
    "/home/ubuntux/a": False,
    "/tmp/a": False,
    "save.sh": False,
}


@pytest.mark.parametrize("path", PATHS)
def test_api_and_document_accept_the_same_paths(path: str) -> None:
    pattern = copy_document(BEFORE_STOP_DOCUMENT)["parameters"]["hook"]["allowedPattern"]
    assert is_hook_path(path) is PATHS[path]
    assert (re.fullmatch(pattern, path) is not None) is PATHS[path]
    assert pattern.replace("[.]", r"\.").replace("(", "(?:") == HOOK_PATTERN


def test_document_accepts_the_reasons_and_limits_that_gpudesk_sends() -> None:
    parameters = copy_document(BEFORE_STOP_DOCUMENT)["parameters"]
    for reason in StopReason:
        assert re.fullmatch(parameters["stopReason"]["allowedPattern"], reason)
        seconds = str(int(get_script_limit(reason).total_seconds()))
        assert re.fullmatch(parameters["seconds"]["allowedPattern"], seconds)
