"""The promise of every step: one at a time on a machine, and never twice in one attempt."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

import ssm_documents

pytestmark = pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock(1) here")

PRELUDE = Path(ssm_documents.__file__).parent / "lib" / "prelude.sh"


class Machine:
    """Runs steps as the agent does, with the state that belongs in /var/lib/gpudesk in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scripts = 0
        self.ran = folder / "ran"

    def script(self, body: str, step: str = "step") -> Path:
        prelude = PRELUDE.read_text(encoding="utf-8").replace("/var/lib/gpudesk", str(self._folder / "state"))
        names = f"GPUDESK_DOCUMENT='document'\nGPUDESK_STEP='{step}'"
        self._scripts += 1
        script = self._folder / f"script-{self._scripts}.sh"
        script.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{names}\n{prelude}\n{body}\n", encoding="utf-8")
        script.chmod(0o755)
        return script

    def start(self, body: str, attempt: str = "a1", step: str = "step") -> "subprocess.Popen[str]":
        environment = {"PATH": os.environ["PATH"], "SSM_attemptId": attempt, "RAN": str(self.ran)}
        command = ["sh", "-c", str(self.script(body, step))]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def run(self, body: str, attempt: str = "a1", step: str = "step") -> tuple[int, str]:
        process = self.start(body, attempt, step)
        output, _ = process.communicate(timeout=30)
        return process.returncode, output

    def times(self) -> int:
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_step_that_ended_is_not_done_again_in_the_same_attempt(machine: Machine) -> None:
    assert machine.run('echo x >>"$RAN"')[0] == 0
    status, output = machine.run('echo x >>"$RAN"')
    assert status == 0
    assert "Attempt a1 has already done this step" in output
    assert machine.times() == 1


def test_a_new_attempt_does_it_again(machine: Machine) -> None:
    machine.run('echo x >>"$RAN"', attempt="a1")
    machine.run('echo x >>"$RAN"', attempt="a2")
    assert machine.times() == 2


def test_steps_of_one_attempt_are_told_apart(machine: Machine) -> None:
    machine.run('echo x >>"$RAN"', step="one")
    machine.run('echo x >>"$RAN"', step="two")
    assert machine.times() == 2


@pytest.mark.parametrize("status", [1, 7, 168, 169])
def test_a_step_that_failed_fails_again_with_the_same_status(machine: Machine, status: int) -> None:
    body = f'echo x >>"$RAN"; exit {status}'
    assert machine.run(body)[0] == status
    assert machine.run(body)[0] == status
    assert machine.times() == 1


def test_a_step_that_breaks_in_the_middle_fails(machine: Machine) -> None:
    assert machine.run('false; echo x >>"$RAN"')[0] == 1
    assert machine.run('echo "$UNSET"; echo x >>"$RAN"', attempt="a2")[0] == 1
    assert machine.times() == 0


def test_a_step_that_asks_for_a_reboot_runs_again_after_it(machine: Machine) -> None:
    assert machine.run('echo x >>"$RAN"; exit 194')[0] == 194
    assert machine.run('echo x >>"$RAN"')[0] == 0
    assert machine.times() == 2


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_step_that_was_killed_is_repaired_by_running_again(machine: Machine, how: signal.Signals) -> None:
    process = machine.start('echo x >>"$RAN"; echo started; tail -f /dev/null & wait')
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    os.killpg(process.pid, how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert machine.run('echo x >>"$RAN"')[0] == 0
    assert machine.times() == 2


def test_of_two_commands_at_once_the_second_waits_and_leaves(machine: Machine, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    body = f'echo x >>"$RAN"; read -r _ <"{gate}"'
    both = [machine.start(body), machine.start(body)]
    with gate.open("w") as opened:
        opened.write("go\n")
    outputs = [process.communicate(timeout=30)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert machine.times() == 1
    assert sum("has already done this step" in output for output in outputs) == 1


def test_a_daemon_that_a_step_leaves_behind_does_not_keep_the_lock(machine: Machine) -> None:
    status, output = machine.run("setsid tail -f /dev/null >/dev/null 2>&1 & echo $!")
    assert status == 0
    try:
        assert machine.run('echo x >>"$RAN"', attempt="a2")[0] == 0
    finally:
        os.kill(int(output), signal.SIGKILL)
    assert machine.times() == 1


@pytest.mark.parametrize("was_readable", [False, True])
def test_no_other_user_can_open_the_lock_and_with_it_hold_it(
    machine: Machine, tmp_path: Path, was_readable: bool
) -> None:
    lock = tmp_path / "state" / "lock"
    if was_readable:
        lock.parent.mkdir()
        lock.touch(0o644)
        lock.write_text("the same file, or two steps would hold two locks")
    assert machine.run("true")[0] == 0
    assert lock.stat().st_mode & 0o777 == 0o600
    assert bool(lock.read_text()) == was_readable


def test_without_an_attempt_nothing_runs(machine: Machine) -> None:
    assert machine.run('echo x >>"$RAN"', attempt="")[0] != 0
    assert machine.times() == 0


def test_a_command_that_fails_is_tried_again_as_often_as_said(machine: Machine) -> None:
    pauses_are_none = "sleep() { :; }\n"
    flaky = 'flaky() { echo x >>"$RAN"; [ "$(wc -l <"$RAN")" -ge 3 ]; }\n'
    assert machine.run(f"{pauses_are_none}{flaky}retry 3 flaky")[0] == 0
    assert machine.times() == 3
    machine.ran.unlink()
    assert machine.run(f"{pauses_are_none}{flaky}retry 2 flaky", attempt="a2")[0] == 1
    assert machine.times() == 2


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_is_written_whole_with_its_mode(machine: Machine, tmp_path: Path, mode: int) -> None:
    owner = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    target = tmp_path / "new" / "secret"
    assert machine.run(f'printf hello | write_file "{target}" {mode:04o} "{owner}"')[0] == 0
    assert target.read_text() == "hello"
    assert target.stat().st_mode & 0o777 == mode
    assert list(target.parent.iterdir()) == [target]
