"""Environment of a script on a machine, and its processes and files."""

import os
import select
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local.machines.agent.shell import Cancellation, Script
from local.machines.errors import MachineHalted, SandboxUnavailable
from local.machines.host.sandboxed import SandboxedMachines

from .build import document, invocation, read_output, run_script, shell_step

REPOSITORY = Path(__file__).parents[3]


def test_script_runs_as_root_of_separate_machine(fleet: SandboxedMachines, shared: str) -> None:
    lines = ["id -u", "hostname", ". /etc/os-release && echo $ID $VERSION_ID", "echo ${HOME-no} $0", "tty || true"]
    user, host, release, home, terminal = read_output(fleet, shared, *lines).splitlines()
    assert (user, release, terminal) == ("0", "ubuntu 22.04", "not a tty")
    assert host.startswith("ip-10-0-")
    script = f"/var/lib/amazon/ssm/{shared}/document/orchestration/"
    assert home.startswith(f"no {script}")
    assert home.endswith("/only/_script.sh")


def test_agent_sets_variables_and_its_working_folder(fleet: SandboxedMachines, shared: str) -> None:
    lines = ["echo $AWS_SSM_INSTANCE_ID $AWS_SSM_REGION_NAME $AWS_SSM_PLATFORM_NAME $AWS_SSM_PLATFORM_VERSION; pwd"]
    variables, folder = read_output(fleet, shared, *lines, "echo ${SSM_COMMAND_ID%-*}").splitlines()[:2]
    assert variables == f"{shared} eu-west-1 Ubuntu 22.04"
    assert folder == "/var/snap/amazon-ssm-agent/current"


def test_shebang_selects_interpreter(fleet: SandboxedMachines, shared: str) -> None:
    assert read_output(fleet, shared, "#!/usr/bin/env python3", "print(6 * 7)") == "42"


def test_new_machine_runs_no_other_processes(fleet: SandboxedMachines, machine: str) -> None:
    assert (
        read_output(fleet, machine, "cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l").splitlines()[0].startswith("python")
    )
    assert int(read_output(fleet, machine, "ls -d /proc/[0-9]* | wc -l")) < 8


def test_boot_keeps_disk_and_clears_run_and_tmp(fleet: SandboxedMachines, machine: str) -> None:
    boot_id = read_output(
        fleet,
        machine,
        "echo x | tee /home/ubuntu/kept /usr/local/bin/kept /tmp/lost /run/lost; cat /proc/sys/kernel/random/boot_id",
    )
    fleet.halt(machine)
    fleet.boot(machine)

    kept = read_output(
        fleet, machine, "cat /home/ubuntu/kept /usr/local/bin/kept; ls /tmp; ls /run | grep lost || true"
    )
    assert kept.split() == ["x", "x"]
    assert read_output(fleet, machine, "cat /proc/sys/kernel/random/boot_id") not in boot_id


def test_exit_194_reboots_machine_and_runs_step_again(fleet: SandboxedMachines, machine: str) -> None:
    script = ["cat /proc/sys/kernel/random/boot_id >>/root/boots", "[ $(wc -l </root/boots) -gt 1 ] || exit 194"]
    content = document(shell_step("one", *script), shell_step("two", "sort -u /root/boots | wc -l"))
    result = fleet.run(machine, invocation(content))
    assert (result.status, result.steps[1].stdout) == ("Success", "2\n")


def test_time_limit_kills_process_group_of_step_and_nothing_else(fleet: SandboxedMachines, shared: str) -> None:
    lines = ["sleep 600 &", "setsid sleep 601 &", "(setsid sh -c 'sleep 602 & sleep 603' &)", "echo begun", "sleep 604"]
    script = Script("c", "d", "one", "\n".join(lines), {}, None, timeout=0.5)
    ended = fleet.get_machine(shared).execute(script, Cancellation())
    assert (ended.ending, ended.stdout) == ("timed out", "begun\n")
    left = read_output(fleet, shared, "pgrep -a sleep | cut -d ' ' -f 3 | sort; pkill sleep")
    assert left.split() == ["601", "602", "603"]


def test_cancel_ends_document_at_once(fleet: SandboxedMachines, shared: str) -> None:
    content = document(shell_step("one", "mkfifo /root/begun; echo >/root/begun; sleep 600"), shell_step("two", "true"))
    command = invocation(content)
    with ThreadPoolExecutor() as pool:
        result = pool.submit(fleet.run, shared, command)
        read_output(fleet, shared, "mkfifo /root/begun 2>/dev/null; cat /root/begun")
        fleet.cancel(shared, command.command_id)
        assert [step.status for step in result.result(5).steps] == ["Cancelled", "Cancelled"]


def test_two_documents_run_concurrently_on_one_machine(fleet: SandboxedMachines, shared: str) -> None:
    read_output(fleet, shared, "mkfifo /root/pipe")
    with ThreadPoolExecutor() as pool:
        reader = pool.submit(read_output, fleet, shared, "cat /root/pipe")
        read_output(fleet, shared, "echo met >/root/pipe")
        assert reader.result(5) == "met"


def test_background_process_with_open_output_keeps_step_open(fleet: SandboxedMachines, machine: str) -> None:
    held = Script("c", "d", "one", "sleep 600 &", {}, None, timeout=0.3)
    assert fleet.get_machine(machine).execute(held, Cancellation()).ending == "timed out"
    assert run_script(fleet, machine, "nohup sleep 601 >/dev/null 2>&1 &").status == "Success"
    assert read_output(fleet, machine, "pgrep -f 'sleep 601' | wc -l; pgrep -f 'sleep 600' | wc -l").split() == [
        "1",
        "0",
    ]


def test_long_output_is_cut(fleet: SandboxedMachines, shared: str) -> None:
    step = run_script(fleet, shared, "yes | head -c 3000000; yes | head -c 9000 >&2").steps[0]
    assert (len(step.stdout), step.stdout[-20:]) == (24_000, "--output truncated--")


def test_missing_working_directory_fails_step(fleet: SandboxedMachines, shared: str) -> None:
    step = run_script(fleet, shared, "true", workingDirectory="/nowhere").steps[0]
    assert (step.status, step.exit_code) == ("Failed", 1)
    assert step.stderr == "failed to run commands: fork/exec /usr/bin/sh: no such file or directory"


def test_halt_during_document_is_reported_as_interruption(fleet: SandboxedMachines, machine: str) -> None:
    read_output(fleet, machine, "mkfifo /root/begun")
    with ThreadPoolExecutor() as pool:
        result = pool.submit(run_script, fleet, machine, "echo >/root/begun; sleep 600")
        read_output(fleet, machine, "cat /root/begun")
        fleet.halt(machine)
        assert result.result(5).report == "interrupted"
    with pytest.raises(MachineHalted):
        run_script(fleet, machine, "true")


def test_destroyed_machine_leaves_no_files_or_processes(fleet: SandboxedMachines, machine: str, tmp_path: Path) -> None:
    del tmp_path
    read_output(fleet, machine, "mkdir -p /root/deep && touch /root/deep/x && chmod 0 /root/deep")
    folder = next(path for path in Path(fleet.root).iterdir() if path.name == machine)
    fleet.destroy(machine)
    assert not folder.exists()
    with pytest.raises(KeyError):
        fleet.boot(machine)


def test_disk_with_malicious_links_does_not_boot(fleet: SandboxedMachines, machine: str, tmp_path: Path) -> None:
    fleet.halt(machine)
    dev = fleet.root / machine / "disk" / "dev"
    dev.rmdir()
    dev.symlink_to(tmp_path)
    with pytest.raises(SandboxUnavailable, match="link"):
        fleet.boot(machine)
    assert list(tmp_path.iterdir()) == []


def test_killed_fleet_leaves_no_machines(tmp_path: Path, fleet: SandboxedMachines) -> None:
    seconds = f"9{os.getpid()}"
    program = f"""
import sys
sys.path.insert(0, {str(REPOSITORY)!r})
from pathlib import Path
from local.machines.host.sandboxed import SandboxedMachines
from tests.local.machines.build import now, run_script, spec
fleet = SandboxedMachines(Path({str(tmp_path)!r}), now)
fleet.create(spec())
fleet.boot(spec().instance_id)
run_script(fleet, spec().instance_id, "nohup sleep {seconds} >/dev/null 2>&1 &", "until pgrep -x sleep; do :; done")
print("up", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == b"up\n"
        sleeper = _process_with(seconds)
        watched = os.pidfd_open(sleeper)
        owner.kill()
    ended, _, _ = select.select([watched], [], [], 10)
    os.close(watched)
    assert ended


def _process_with(word: str) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and word.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
            return int(entry.name)
    raise AssertionError(f"no process has {word}")


def test_concurrent_boots_and_halts_end_in_last_requested_state(fleet: SandboxedMachines, machine: str) -> None:
    barrier = threading.Barrier(4)

    def turn(on: bool) -> None:
        barrier.wait(5)
        (fleet.boot if on else fleet.halt)(machine)

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(turn, number % 2 == 0) for number in range(4)]:
            each.result(10)
    fleet.boot(machine)
    assert read_output(fleet, machine, "echo up") == "up"
