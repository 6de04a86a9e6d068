"""The promise of every step: one at a time on a machine, never twice in one attempt, and not again what is done."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import ssm_documents

pytestmark = pytest.mark.skipif(shutil.which("flock") is None, reason="there is no flock(1) here")

PRELUDE = Path(ssm_documents.__file__).parent / "lib" / "prelude.sh"


class Machine:
    """Runs steps as the agent does, with the state that belongs in /var/lib/gpudesk in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._scripts = 0
        self.state = folder / "state"
        self.boot_id = folder / "boot_id"
        self.boot_id.write_text("first\n")
        self.replaced = {
            "/var/lib/gpudesk": str(self.state),
            "/proc/sys/kernel/random/boot_id": str(self.boot_id),
        }
        self.position = "1 of 2"
        self.always = False
        self.ran = folder / "ran"

    def script(self, body: str, step: str = "step") -> Path:
        prelude = PRELUDE.read_text(encoding="utf-8")
        for original, replacement in self.replaced.items():
            prelude = prelude.replace(original, replacement)
        names = (
            f"GPUDESK_DOCUMENT='document'\nGPUDESK_STEP='{step}'\nGPUDESK_POSITION='{self.position}'\n"
            f"GPUDESK_SCRIPT_HASH='{hashlib.sha256(body.encode()).hexdigest()}'\nGPUDESK_STEP_PARAMETERS='gpuCount'\n"
            f"GPUDESK_ALWAYS='{'1' if self.always else ''}'"
        )
        self._scripts += 1
        script = self._folder / f"script-{self._scripts}.sh"
        script.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{names}\n{prelude}\n{body}\n", encoding="utf-8")
        script.chmod(0o755)
        return script

    def start(self, body: str, attempt: str = "a1", step: str = "step", **values: str) -> "subprocess.Popen[str]":
        parameters = {f"SSM_{name}": value for name, value in {"attemptId": attempt, **values}.items()}
        environment = {"PATH": os.environ["PATH"], "RAN": str(self.ran), **parameters}
        command = ["sh", "-c", str(self.script(body, step))]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def run(self, body: str, attempt: str = "a1", step: str = "step", **values: str) -> tuple[int, str]:
        status, output, _ = self.ended(body, attempt, step, **values)
        return status, output

    def ended(self, body: str, attempt: str = "a1", step: str = "step", **values: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        process = self.start(body, attempt, step, **values)
        output, errors = process.communicate(timeout=30)
        return process.returncode, output, errors

    def progress(self) -> dict[str, Any] | None:
        file = self.state / "progress.json"
        return json.loads(file.read_text()) if file.exists() else None

    def reboot(self) -> None:
        self.boot_id.write_text(f"after {self.boot_id.read_text()}")

    def times(self) -> int:
        return len(self.ran.read_text().splitlines()) if self.ran.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_ended_step_does_not_run_again_in_the_same_attempt(machine: Machine) -> None:
    assert machine.run('echo x >>"$RAN"')[0] == 0
    status, output = machine.run('echo x >>"$RAN"')
    assert status == 0
    assert "Attempt a1 has already run this step" in output
    assert machine.times() == 1


def test_another_attempt_skips_an_unchanged_step_that_was_done(machine: Machine) -> None:
    machine.run('echo x >>"$RAN"', attempt="a1", gpuCount="1")
    status, output = machine.run('echo x >>"$RAN"', attempt="a2", gpuCount="1")
    assert status == 0
    assert "was done before and has not changed" in output
    assert machine.times() == 1


def test_changed_step_runs_again(machine: Machine) -> None:
    machine.run('echo x >>"$RAN"', attempt="a1", gpuCount="1")
    machine.run('echo x >>"$RAN"', attempt="a2", gpuCount="4")
    assert machine.times() == 2, "a parameter that it reads"
    machine.run('echo x >>"$RAN" # better', attempt="a3", gpuCount="4")
    assert machine.times() == 3, "its text"
    machine.run('echo x >>"$RAN" # better', attempt="a4", gpuCount="4", heartbeatKey="another")
    assert machine.times() == 3, "a parameter that is none of its business"


def test_step_with_always_is_never_skipped(machine: Machine) -> None:
    machine.always = True
    machine.run('echo x >>"$RAN"', attempt="a1")
    machine.run('echo x >>"$RAN"', attempt="a2")
    assert machine.times() == 2


def test_another_attempt_repeats_a_failed_step(machine: Machine) -> None:
    assert machine.run('echo x >>"$RAN"; exit 1', attempt="a1")[0] == 1
    assert machine.run('echo x >>"$RAN"; exit 1', attempt="a2")[0] == 1
    assert machine.times() == 2


def test_mark_of_a_step_is_removed_when_the_step_starts_again(machine: Machine) -> None:
    """Half of the other may be there: going back to the first is no skip."""
    machine.run('echo x >>"$RAN"', attempt="a1")
    machine.run('echo x >>"$RAN"; kill -KILL $$', attempt="a2")
    machine.run('echo x >>"$RAN"', attempt="a3")
    assert machine.times() == 3


def test_steps_of_one_attempt_have_separate_marks(machine: Machine) -> None:
    machine.run('echo x >>"$RAN"', step="one")
    machine.run('echo x >>"$RAN"', step="two")
    assert machine.times() == 2


@pytest.mark.parametrize("status", [1, 7, 168, 169])
def test_failed_step_returns_the_same_status_again(machine: Machine, status: int) -> None:
    body = f'echo x >>"$RAN"; exit {status}'
    assert machine.run(body)[0] == status
    assert machine.run(body)[0] == status
    assert machine.times() == 1


def test_failing_command_fails_the_step(machine: Machine) -> None:
    assert machine.run('false; echo x >>"$RAN"')[0] == 1
    assert machine.run('echo "$UNSET"; echo x >>"$RAN"', attempt="a2")[0] == 1
    assert machine.times() == 0


REBOOTS = 'if has_rebooted; then echo x >>"$RAN"; else request_reboot "The driver is new."; fi'


def test_step_detects_the_run_after_its_reboot(machine: Machine) -> None:
    status, output = machine.run(REBOOTS)
    assert (status, machine.times()) == (194, 0)
    assert "Rebooting: The driver is new." in output
    machine.reboot()
    status, output = machine.run(REBOOTS)
    assert (status, machine.times()) == (0, 1)
    assert "This step runs again, after reboot 1." in output
    assert machine.run(REBOOTS.replace("new", "newer"), attempt="a2")[0] == 194, "another attempt asks for its own"


def test_missing_reboot_fails_the_step_with_a_message(machine: Machine) -> None:
    machine.run(REBOOTS)
    status, _, errors = machine.ended(REBOOTS)
    assert status == 1
    assert "The instance has not rebooted, although this step requested it: The driver is new." in errors
    assert "Stop the instance, start it" in errors


def test_number_of_reboots_is_limited(machine: Machine) -> None:
    for _ in range(3):
        assert machine.run('request_reboot "No driver."')[0] == 194
        machine.reboot()
    status, _, errors = machine.ended('request_reboot "No driver."')
    assert status == 1
    assert "The instance has rebooted 3 times in this step, and the step still needs a reboot: No driver." in errors


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_killed_step_runs_again(machine: Machine, how: signal.Signals) -> None:
    process = machine.start('echo x >>"$RAN"; echo started; tail -f /dev/null & wait')
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    os.killpg(process.pid, how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert machine.run('echo x >>"$RAN"')[0] == 0
    assert machine.times() == 2


def test_second_of_two_simultaneous_commands_waits_and_does_not_run_again(machine: Machine, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    body = f'echo x >>"$RAN"; read -r _ <"{gate}"'
    both = [machine.start(body), machine.start(body)]
    with gate.open("w") as opened:
        opened.write("go\n")
    outputs = [process.communicate(timeout=30)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert machine.times() == 1
    assert sum("has already run this step" in output for output in outputs) == 1


def test_daemon_of_a_step_does_not_keep_the_lock(machine: Machine) -> None:
    status, output = machine.run("setsid tail -f /dev/null >/dev/null 2>&1 & echo $!")
    assert status == 0
    try:
        assert machine.run('echo x >>"$RAN"', attempt="a2")[0] == 0
    finally:
        os.kill(int(output), signal.SIGKILL)
    assert machine.times() == 1


@pytest.mark.parametrize("was_readable", [False, True])
def test_no_other_user_can_open_the_lock(machine: Machine, tmp_path: Path, was_readable: bool) -> None:
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


def test_retry_repeats_a_failing_command_up_to_its_count(machine: Machine) -> None:
    pauses_are_none = "sleep() { :; }\n"
    flaky = 'flaky() { echo x >>"$RAN"; [ "$(wc -l <"$RAN")" -ge 3 ]; }\n'
    assert machine.run(f"{pauses_are_none}{flaky}retry 3 flaky")[0] == 0
    assert machine.times() == 3
    machine.ran.unlink()
    assert machine.run(f"{pauses_are_none}{flaky}retry 2 flaky", attempt="a2")[0] == 1
    assert machine.times() == 2


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_write_file_replaces_the_file_with_its_mode(machine: Machine, tmp_path: Path, mode: int) -> None:
    owner = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    target = tmp_path / "new" / "secret"
    assert machine.run(f'printf hello | write_file "{target}" {mode:04o} "{owner}"')[0] == 0
    assert target.read_text() == "hello"
    assert target.stat().st_mode & 0o777 == mode
    assert list(target.parent.iterdir()) == [target]


def test_last_line_is_the_progress_until_the_document_has_ended(machine: Machine, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    copy = f'cp "{machine.state}/progress.json" "{shown}"'
    assert machine.run(f"say 'He said \"50 %\\n\"'; {copy}", attempt="a1", step="one")[0] == 0
    progress = json.loads(shown.read_text())
    assert 0 < progress.pop("started") < 10**9, "seconds since boot"
    assert progress == {
        "document": "document",
        "step": "one",
        "attempt": "a1",
        "position": "1 of 2",
        "line": 'He said "50 %\\n"',
    }
    assert machine.progress() == json.loads(shown.read_text()), "the next step is to come"
    machine.position = "2 of 2"
    assert machine.run(f"{copy}; say later", attempt="a1", step="two")[0] == 0
    assert json.loads(shown.read_text())["line"] == "", "a step without output"
    assert machine.progress() is None
    machine.position = "1 of 2"
    assert machine.run("say going; exit 3", attempt="a2", step="one")[0] == 3
    assert machine.progress() is None, "and so it has where a step failed"


def test_unwritable_progress_does_not_fail_the_step(machine: Machine) -> None:
    (machine.state / "progress.json.new").mkdir(parents=True)
    assert machine.run('say on; echo x >>"$RAN"')[0] == 0
    assert machine.times() == 1


def test_unexpected_failure_names_the_command(machine: Machine) -> None:
    status, _, errors = machine.ended("install_it() { ls /nonexistent; }; install_it")
    assert status == 2
    assert "gpudesk: Failed at: ls /nonexistent (exit status 2)" in errors
    status, _, errors = machine.ended('fail "No route. Open the subnet."', attempt="a2")
    assert (status, errors) == (1, "gpudesk: No route. Open the subnet.\n")


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """A test's output is its own."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "site").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=tmp_path / "site"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_fetch_writes_only_a_complete_and_verified_file(machine: Machine, site: str, tmp_path: Path) -> None:
    source, target = tmp_path / "site/book.zip", tmp_path / "new/book.zip"
    source.write_bytes(b"the book")
    assert machine.run(f'fetch {site}/book.zip "{target}" {sha256(b"the book")}', attempt="a1")[0] == 0
    assert target.read_bytes() == b"the book"
    status, _, errors = machine.ended(f'fetch {site}/book.zip "{target}" {sha256(b"another")}', attempt="a2")
    assert status == 1
    assert f"{site}/book.zip has a wrong SHA-256" in errors
    assert list(target.parent.iterdir()) == [target], "what was there stays"
    assert target.read_bytes() == b"the book"


def test_fetch_keeps_a_file_with_the_right_checksum(machine: Machine, tmp_path: Path) -> None:
    target = tmp_path / "book.zip"
    target.write_bytes(b"the book")
    assert machine.run(f'fetch http://127.0.0.1:1/book.zip "{target}" {sha256(b"the book")}')[0] == 0


def test_failed_download_is_named_with_advice(machine: Machine, site: str, tmp_path: Path) -> None:
    body = f'sleep() {{ :; }}; fetch {site}/no.zip "{tmp_path}/no.zip"'
    status, output, errors = machine.ended(body)
    assert status == 1
    assert output.count("failed. Trying again in") == 4
    assert f"gpudesk: {site}/no.zip could not be downloaded. Check that the instance can reach the internet" in errors


def test_proxy_and_package_index_apply_to_every_download(machine: Machine) -> None:
    body = "env | grep -i -e ^http -e ^no_ -e ^PIP -e ^UV || true"
    _, output = machine.run(body, proxy="http://proxy:3128", pipIndex="https://index.example.org/simple")
    assert sorted(output.split()) == [
        "PIP_INDEX_URL=https://index.example.org/simple",
        "UV_DEFAULT_INDEX=https://index.example.org/simple",
        "http_proxy=http://proxy:3128",
        "https_proxy=http://proxy:3128",
        "no_proxy=169.254.169.254,localhost,127.0.0.1",
    ]
    assert machine.run(body, attempt="a2", step="other", proxy="", pipIndex="") == (0, "")


def test_mirror_replaces_only_the_archives_of_ubuntu(machine: Machine, tmp_path: Path) -> None:
    etc = tmp_path / "apt"
    etc.mkdir()
    (etc / "sources.list").write_text(
        "deb http://us-east-1.ec2.archive.ubuntu.com/ubuntu/ jammy main\n"
        "deb http://security.ubuntu.com/ubuntu jammy-security main\n"
        "deb https://developer.download.nvidia.com/compute/cuda /\n"
    )
    pretend = "apt-get() { :; }\n"
    machine.replaced["/etc/apt"] = str(etc)
    for attempt in ("a1", "a2"):
        assert machine.run(f"{pretend}apt_install git", attempt, aptMirror="https://mirror.example.org/ubuntu")[0] == 0
        assert (etc / "sources.list").read_text().splitlines() == [
            "deb https://mirror.example.org/ubuntu/ jammy main",
            "deb https://mirror.example.org/ubuntu/ jammy-security main",
            "deb https://developer.download.nvidia.com/compute/cuda /",
        ]


def test_as_ubuntu_has_a_home_and_a_clean_environment(machine: Machine, tmp_path: Path) -> None:
    """`runuser` itself needs root: here it is a function that leaves out its own words."""
    machine.replaced["/home/ubuntu"] = str(tmp_path)
    body = "as_ubuntu bash -c 'pwd; env | grep -v -e ^_= -e ^PWD -e ^SHLVL | sort'"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "runuser").write_text('#!/bin/sh\nprintf "%s\\n" "$*" | cut -d " " -f 1-3\nshift 3\nexec "$@"\n')
    (programs / "runuser").chmod(0o755)
    status, output = machine.run(f'PATH="{programs}:$PATH"; {body}', proxy="http://proxy:3128")
    assert status == 0
    assert output.splitlines() == [
        "-u ubuntu --",
        str(tmp_path),
        f"HOME={tmp_path}",
        "LANG=C.UTF-8",
        "LOGNAME=ubuntu",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SHELL=/bin/bash",
        "USER=ubuntu",
        "http_proxy=http://proxy:3128",
        "https_proxy=http://proxy:3128",
        "no_proxy=169.254.169.254,localhost,127.0.0.1",
    ]


PRETEND = """
stat() { case $3 in */theirs) echo 1000 ;; *) echo 0 ;; esac; }
as_ubuntu() { echo "as ubuntu: $*"; }
python3() { echo "as root: python3 $*"; }
"""


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/opt/env", "as root: python3 x"),
        ("/opt/none/such", "as root: python3 x"),
        ("/opt/theirs", "as ubuntu: python3 x"),
        ("/home/theirs/env/bin", "as ubuntu: python3 x"),
    ],
)
def test_as_owner_runs_as_the_user_below_a_folder_of_the_user(machine: Machine, path: str, who: str) -> None:
    assert machine.run(f"{PRETEND}as_owner {path} python3 x") == (0, f"{who}\n")


def test_make_venv_completes_an_environment_as_its_owner(machine: Machine) -> None:
    _, output = machine.run(f"{PRETEND}make_venv /opt/theirs psutil")
    done = [line for line in output.splitlines() if line.startswith("as ")]
    assert [line.partition(" --quiet")[0] for line in done[1:]] == [
        "as ubuntu: python3 -m venv /opt/theirs",
        "as ubuntu: /opt/theirs/bin/pip",
    ]


def test_write_file_as_owner_writes_as_the_owner_of_the_folder(machine: Machine, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    body = 'as_ubuntu() { echo "$1" >>"$RAN"; "$@"; }; printf hello | write_file_as_owner'
    assert machine.run(f'{PRETEND}{body} "{theirs}" etc/settings.json')[0] == 0
    assert (theirs / "etc/settings.json").read_text() == "hello"
    assert [path.name for path in (theirs / "etc").iterdir()] == ["settings.json"]
    assert machine.ran.read_text().split() == ["mkdir", "tee", "chmod", "mv"]
