"""Endings of a step that the agent would misread: time limits, killed commands, and steps after a failed one."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.prelude import StepRunner

MEMORY = "gpudesk: Memory ran out, so a program of this step was killed. Launch an instance type with more memory"


def test_step_ends_itself_at_its_time_limit_and_says_so(runner: StepRunner) -> None:
    runner.time_limit = 1
    status, _, errors = runner.run_with_errors('sleep 60; echo x >>"$RAN"')
    assert status == 124
    assert "gpudesk: Step step did not end within its time limit of 1 s." in errors
    assert runner.count_runs() == 0
    assert runner.run('echo x >>"$RAN"')[0] == 124, "it does not run again in this attempt"
    assert runner.run('echo x >>"$RAN"', attempt="a2")[0] == 0


def test_wait_for_another_step_is_part_of_the_time_limit(runner: StepRunner, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    first = runner.start(f'echo started; read -r _ <"{gate}"', step="one")
    assert first.stdout is not None
    assert first.stdout.readline() == "started\n"
    runner.time_limit = 1
    status, output, errors = runner.run_with_errors('echo x >>"$RAN"', step="two")
    assert status == 124
    assert "Waiting for another step that is running on this instance, for at most 1 s." in output
    assert "Step two did not end within its time limit" in errors
    gate.write_text("go\n")
    assert first.communicate(timeout=30)[1] == ""
    assert runner.count_runs() == 0


def test_ended_step_leaves_no_process_that_watches_its_time(runner: StepRunner) -> None:
    process = runner.start("true")
    assert process.communicate(timeout=30)[0] == ""
    living = ["pgrep", "--pgroup", str(process.pid), "--runstates", "DRST"]
    assert subprocess.run(living, capture_output=True, text=True, check=False).stdout == ""


@pytest.mark.parametrize("body", ["true", "false", "sleep 60", "kill -KILL $$", "exit 3"])
def test_step_begins_only_after_the_success_of_the_step_before_it(runner: StepRunner, body: str) -> None:
    runner.time_limit = 1
    first = runner.run(body, step="one")[0]
    runner.previous, runner.time_limit = "one", 100
    status, _, errors = runner.run_with_errors('echo x >>"$RAN"', step="two")
    assert (status == 0) == (first == 0) == (runner.count_runs() == 1)
    if first:
        assert "gpudesk: Step two did not begin, because step one has not succeeded (exit status: " in errors


def test_step_of_another_attempt_does_not_count_as_the_step_before(runner: StepRunner) -> None:
    runner.run("true", attempt="a1", step="one")
    runner.previous = "one"
    assert runner.run('echo x >>"$RAN"', attempt="a2", step="two")[0] == 1
    runner.previous = ""
    assert "was done before" in runner.run("true", attempt="a2", step="one")[1]
    runner.previous = "one"
    assert runner.run('echo x >>"$RAN"', attempt="a2", step="two")[0] == 0, "a refused step may begin later"


KILLED_COMMAND = "bash -c 'kill -KILL $$'"


@pytest.mark.parametrize(
    "body",
    [
        KILLED_COMMAND,
        "exit 137",
        "kill -KILL $$",
        f'{KILLED_COMMAND} || fail "pip could not install x. Check the network."',
        f'retry 3 {KILLED_COMMAND} || fail "pip could not install x. Check the network."',
        "GPUDESK_OOM_KILLS=another; false",
        'GPUDESK_OOM_KILLS=another; fail "pip could not install x. Check the network."',
    ],
)
def test_step_whose_program_was_killed_fails_because_memory_ran_out(runner: StepRunner, body: str) -> None:
    status, output, errors = runner.run_with_errors(body)
    assert status == 1, "SSM reports 137 as a time-out"
    assert MEMORY in errors
    assert "Check the network" not in errors
    assert "Trying again" not in output


def test_time_limit_of_a_command_is_not_that_of_the_step(runner: StepRunner) -> None:
    status, _, errors = runner.run_with_errors("timeout 0.01 sleep 60")
    assert status == 1
    assert "gpudesk: Failed at: timeout 0.01 sleep 60 (exit status 124)" in errors


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("as_ubuntu ls /nonexistent", "ls /nonexistent"),
        ("as_owner / ls /nonexistent", "ls /nonexistent"),
        ("as_owner /opt/user ls /nonexistent", "ls /nonexistent"),
        ("sleep() { :; }; retry 2 ls /nonexistent", "ls /nonexistent"),
        ("as_ubuntu ls /nonexistent || true; own() { return 2; }; own", "return 2"),
    ],
)
def test_failure_names_the_command_and_not_the_function_that_ran_it(
    runner: StepRunner, tmp_path: Path, body: str, command: str
) -> None:
    runner.replaced["/home/ubuntu"] = str(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "runuser").write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    (programs / "runuser").chmod(0o755)
    body = f'PATH="{programs}:$PATH"\ngpudesk_is_owned_by_root() {{ [ "$1" = / ]; }}\n{body}'
    status, _, errors = runner.run_with_errors(body)
    assert status == 2
    assert f"gpudesk: Failed at: {command} (exit status 2)" in errors


def test_files_are_readable_for_users_whatever_the_umask_of_the_agent_is(runner: StepRunner, tmp_path: Path) -> None:
    target = tmp_path / "folder/file"
    old = os.umask(0o077)
    try:
        assert runner.run(f'mkdir "{target.parent}" && echo x >"{target}"; say on')[0] == 0
    finally:
        os.umask(old)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (target, target.parent, runner.state)}
    assert modes == {target: 0o644, target.parent: 0o755, runner.state: 0o755}
    assert stat.S_IMODE((runner.state / "progress.json").stat().st_mode) == 0o644
