"""Rules of every step: one step at a time on an instance, once per attempt, and not again after a success."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.support.prelude import StepRunner


def test_ended_step_does_not_run_again_in_the_same_attempt(runner: StepRunner) -> None:
    assert runner.run('echo x >>"$RAN"')[0] == 0
    status, output = runner.run('echo x >>"$RAN"')
    assert status == 0
    assert "Attempt a1 has already run this step" in output
    assert runner.count_runs() == 1


def test_another_attempt_skips_an_unchanged_step_that_was_done(runner: StepRunner) -> None:
    runner.run('echo x >>"$RAN"', attempt="a1", gpuCount="1")
    status, output = runner.run('echo x >>"$RAN"', attempt="a2", gpuCount="1")
    assert status == 0
    assert "was done before and has not changed" in output
    assert runner.count_runs() == 1


def test_changed_step_runs_again(runner: StepRunner) -> None:
    runner.run('echo x >>"$RAN"', attempt="a1", gpuCount="1")
    runner.run('echo x >>"$RAN"', attempt="a2", gpuCount="4")
    assert runner.count_runs() == 2, "a parameter that it reads"
    runner.run('echo x >>"$RAN" # better', attempt="a3", gpuCount="4")
    assert runner.count_runs() == 3, "its text"
    runner.run('echo x >>"$RAN" # better', attempt="a4", gpuCount="4", heartbeatKey="another")
    assert runner.count_runs() == 3, "a parameter that it does not read"


def test_step_with_always_is_never_skipped(runner: StepRunner) -> None:
    runner.always = True
    runner.run('echo x >>"$RAN"', attempt="a1")
    runner.run('echo x >>"$RAN"', attempt="a2")
    assert runner.count_runs() == 2


def test_another_attempt_repeats_a_failed_step(runner: StepRunner) -> None:
    assert runner.run('echo x >>"$RAN"; exit 1', attempt="a1")[0] == 1
    assert runner.run('echo x >>"$RAN"; exit 1', attempt="a2")[0] == 1
    assert runner.count_runs() == 2


def test_mark_of_a_step_is_removed_when_the_step_starts_again(runner: StepRunner) -> None:
    """The killed step may be half done, so the mark of its earlier success no longer applies."""
    runner.run('echo x >>"$RAN"', attempt="a1")
    runner.run('echo x >>"$RAN"; kill -KILL $$', attempt="a2")
    runner.run('echo x >>"$RAN"', attempt="a3")
    assert runner.count_runs() == 3


def test_steps_of_one_attempt_have_separate_marks(runner: StepRunner) -> None:
    runner.run('echo x >>"$RAN"', step="one")
    runner.run('echo x >>"$RAN"', step="two")
    assert runner.count_runs() == 2


@pytest.mark.parametrize("status", [1, 7, 168, 169])
def test_failed_step_returns_the_same_status_again(runner: StepRunner, status: int) -> None:
    body = f'echo x >>"$RAN"; exit {status}'
    assert runner.run(body)[0] == status
    assert runner.run(body)[0] == status
    assert runner.count_runs() == 1


def test_failing_command_fails_the_step(runner: StepRunner) -> None:
    assert runner.run('false; echo x >>"$RAN"')[0] == 1
    assert runner.run('echo "$UNSET"; echo x >>"$RAN"', attempt="a2")[0] == 1
    assert runner.count_runs() == 0


REBOOTS = 'if has_rebooted; then echo x >>"$RAN"; else request_reboot "The driver is new."; fi'


def test_step_detects_the_run_after_its_reboot(runner: StepRunner) -> None:
    status, output = runner.run(REBOOTS)
    assert (status, runner.count_runs()) == (194, 0)
    assert "Rebooting: The driver is new." in output
    runner.reboot()
    status, output = runner.run(REBOOTS)
    assert (status, runner.count_runs()) == (0, 1)
    assert "This step runs again, after reboot 1." in output
    assert runner.run(REBOOTS.replace("new", "newer"), attempt="a2")[0] == 194, (
        "another attempt requests a reboot of its own"
    )


def test_missing_reboot_fails_the_step_with_a_message(runner: StepRunner) -> None:
    runner.run(REBOOTS)
    status, _, errors = runner.run_with_errors(REBOOTS)
    assert status == 1
    assert "The instance has not rebooted, although this step requested it: The driver is new." in errors
    assert "Stop the instance and start it." in errors


def test_number_of_reboots_is_limited(runner: StepRunner) -> None:
    for _ in range(3):
        assert runner.run('request_reboot "No driver."')[0] == 194
        runner.reboot()
    status, _, errors = runner.run_with_errors('request_reboot "No driver."')
    assert status == 1
    assert "The instance has rebooted 3 times in this step, and the step still needs a reboot: No driver." in errors


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_killed_step_runs_again(runner: StepRunner, how: signal.Signals) -> None:
    process = runner.start('echo x >>"$RAN"; echo started; tail -f /dev/null & wait')
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    os.killpg(process.pid, how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert runner.run('echo x >>"$RAN"')[0] == 0
    assert runner.count_runs() == 2


def test_second_of_two_simultaneous_commands_waits_and_does_not_run_again(runner: StepRunner, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    body = f'echo x >>"$RAN"; read -r _ <"{gate}"'
    both = [runner.start(body), runner.start(body)]
    with gate.open("w") as opened:
        opened.write("go\n")
    outputs = [process.communicate(timeout=30)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert runner.count_runs() == 1
    assert sum("has already run this step" in output for output in outputs) == 1


def test_daemon_of_a_step_does_not_keep_the_lock(runner: StepRunner) -> None:
    status, output = runner.run("setsid tail -f /dev/null >/dev/null 2>&1 & echo $!")
    assert status == 0
    try:
        assert runner.run('echo x >>"$RAN"', attempt="a2")[0] == 0
    finally:
        os.kill(int(output), signal.SIGKILL)
    assert runner.count_runs() == 1


@pytest.mark.parametrize("was_readable", [False, True])
def test_no_other_user_can_open_the_lock(runner: StepRunner, tmp_path: Path, was_readable: bool) -> None:
    lock = tmp_path / "state" / "lock"
    if was_readable:
        lock.parent.mkdir()
        lock.touch(0o644)
        lock.write_text("the same file, or two steps would hold two locks")
    assert runner.run("true")[0] == 0
    assert lock.stat().st_mode & 0o777 == 0o600
    assert bool(lock.read_text()) == was_readable


def test_without_an_attempt_nothing_runs(runner: StepRunner) -> None:
    assert runner.run('echo x >>"$RAN"', attempt="")[0] != 0
    assert runner.count_runs() == 0


def test_last_line_is_the_progress_until_the_document_has_ended(runner: StepRunner, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    copy = f'cp "{runner.state}/progress.json" "{shown}"'
    assert runner.run(f"say 'He said \"50 %\\n\"'; {copy}", attempt="a1", step="one")[0] == 0
    progress = json.loads(shown.read_text())
    assert 0 < progress.pop("started") < 10**9, "seconds since boot"
    assert progress == {
        "document": "document",
        "step": "one",
        "attempt": "a1",
        "position": "1 of 2",
        "line": 'He said "50 %\\n"',
    }
    assert runner.read_progress() == json.loads(shown.read_text()), "the document has another step"
    runner.position = "2 of 2"
    assert runner.run(f"{copy}; say later", attempt="a1", step="two")[0] == 0
    assert json.loads(shown.read_text())["line"] == "", "a step without output"
    assert runner.read_progress() is None
    runner.position = "1 of 2"
    assert runner.run("say going; exit 3", attempt="a2", step="one")[0] == 3
    assert runner.read_progress() is None, "a failed step ends the document"


def test_unwritable_progress_does_not_fail_the_step(runner: StepRunner) -> None:
    (runner.state / "progress.json.new").mkdir(parents=True)
    assert runner.run('say on; echo x >>"$RAN"')[0] == 0
    assert runner.count_runs() == 1


def test_unexpected_failure_names_the_command(runner: StepRunner) -> None:
    status, _, errors = runner.run_with_errors("install_it() { ls /nonexistent; }; install_it")
    assert status == 2
    assert "gpudesk: Failed at: ls /nonexistent (exit status 2)" in errors
    status, _, errors = runner.run_with_errors('fail "No route. Open the subnet."', attempt="a2")
    assert (status, errors) == (1, "gpudesk: No route. Open the subnet.\n")
