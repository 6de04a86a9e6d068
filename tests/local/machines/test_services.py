"""Units of systemd: parsing, start, restart, stop, and start at boot."""

from pathlib import Path

import pytest

from local.machines.host.sandboxed import SandboxedMachines
from local.machines.inside import units

from .build import read_output, run_script

TALKER = "#!/bin/sh\\necho begun >>/root/log; echo said $WORD; exec sleep 600"


def unit(name: str, *lines: str, install: bool = True) -> str:
    """Return lines of shell that write a unit."""
    text = ["[Service]", *lines, *(["[Install]", "WantedBy=multi-user.target"] if install else [])]
    body = "\n".join(text)
    return f"cat >/etc/systemd/system/{name}.service <<'END'\n{body}\nEND\nsystemctl daemon-reload"


def test_enabled_service_runs_at_once_and_after_boot(fleet: SandboxedMachines, machine: str) -> None:
    read_output(
        fleet,
        machine,
        f"printf '{TALKER}' >/usr/local/bin/talker; chmod +x /usr/local/bin/talker; echo WORD=file >/etc/word",
        unit("talker", "ExecStart=/usr/local/bin/talker", "Environment=WORD=line", "EnvironmentFile=/etc/word"),
        "systemctl enable --now talker",
    )
    assert (
        read_output(fleet, machine, "systemctl is-active talker; systemctl is-enabled talker.service")
        == "active\nenabled"
    )
    fleet.halt(machine)
    fleet.boot(machine)
    assert read_output(fleet, machine, "systemctl list-units") == "talker.service loaded active"
    waiting = "for i in $(seq 1000); do [ $(wc -l </root/log) = 2 ] && break; done; journalctl -u talker | tail -1"
    assert read_output(fleet, machine, waiting, "systemctl is-active talker") == "said file\nactive"
    read_output(fleet, machine, "systemctl disable --now talker")
    assert run_script(fleet, machine, "systemctl is-active talker").exit_code == 3


def test_crashed_service_is_restarted(fleet: SandboxedMachines, machine: str) -> None:
    line = "ExecStart=/bin/sh -c 'echo >/root/started.pipe; exec sleep 600'"
    read_output(fleet, machine, "mkfifo /root/started.pipe", unit("f", line, "Restart=on-failure", "RestartSec=10ms"))
    read_output(fleet, machine, "systemctl start f & cat /root/started.pipe; wait")
    killed = "kill -9 $(systemctl show -p=MainPID --property=MainPID --value f); cat /root/started.pipe"
    read_output(fleet, machine, killed)
    assert read_output(fleet, machine, "systemctl is-active f; journalctl -u f") == (
        "active\nsystemd[1]: f.service: Main process exited, code=killed, status=9/KILL"
    )


def test_service_that_always_crashes_is_not_restarted_forever(fleet: SandboxedMachines, shared: str) -> None:
    read_output(fleet, shared, unit("f", "ExecStart=/bin/false", "Restart=always", "RestartSec=1ms"))
    wait = "timeout 10 sh -c 'tail -n +1 -F /var/log/services/f.service.log 2>/dev/null | grep -q -m1 repeated'"
    run_script(fleet, shared, "systemctl start f", wait)
    assert read_output(fleet, shared, "systemctl is-active f || systemctl is-failed f").split() == ["failed", "failed"]


def test_stop_ends_all_processes_of_service(fleet: SandboxedMachines, machine: str) -> None:
    deaf = 'setsid sh -c "trap : TERM; echo up >/root/up; while :; do sleep 60; done"'
    line = f"ExecStart=/bin/sh -c '{deaf} & exec sleep 602'"
    read_output(fleet, machine, "mkfifo /root/up", unit("f", line, "TimeoutStopSec=60", "Restart=always"))
    read_output(fleet, machine, "systemctl start f & cat /root/up; wait", "systemctl stop f")
    assert read_output(fleet, machine, "systemctl is-active f || pgrep sleep || echo none") == "inactive\nnone"


def test_service_that_ignores_stop_is_killed(fleet: SandboxedMachines, machine: str) -> None:
    line = "ExecStart=/bin/sh -c 'trap : TERM; echo up >/root/up; while :; do sleep 60; done'"
    read_output(fleet, machine, "mkfifo /root/up", unit("f", line, "TimeoutStopSec=200ms"))
    read_output(fleet, machine, "systemctl start f & cat /root/up; wait", "systemctl stop f")
    assert read_output(fleet, machine, "systemctl is-active f || pgrep sleep || echo none") == "inactive\nnone"


@pytest.mark.parametrize(
    ("lines", "code", "problem"),
    [
        (["ExecStartPre=/bin/false", "ExecStart=/bin/sleep 600"], 1, "control process exited with error code"),
        (["ExecStartPre=-/bin/false", "ExecStart=/bin/sleep 600"], 0, ""),
        (["Type=oneshot", "ExecStart=/bin/true"], 0, ""),
        (["Type=oneshot", "ExecStart=/bin/false"], 1, "control process exited with error code"),
        (["ExecStart=/bin/sleep 600", "EnvironmentFile=/no/such/file"], 1, "No such file"),
        (["ExecStart=/bin/sleep 600", "User=nobody-here"], 1, "control process exited with error code"),
        (["Restart=always"], 1, "bad unit file"),
    ],
)
def test_result_of_systemctl_start(
    fleet: SandboxedMachines, shared: str, lines: list[str], code: int, problem: str
) -> None:
    name = f"start{abs(hash(tuple(lines)))}"
    step = run_script(fleet, shared, unit(name, *lines), f"systemctl start {name}").steps[0]
    assert step.exit_code == code
    assert problem in step.stderr


def test_unknown_unit_gives_systemctl_exit_codes(fleet: SandboxedMachines, shared: str) -> None:
    codes = "for verb in start status is-active enable; do systemctl $verb nothing; echo $?; done"
    assert [word for word in read_output(fleet, shared, codes).split() if word.isdigit()] == ["5", "4", "3", "1"]


def test_unit_files_are_parsed_as_by_systemd() -> None:
    text = "# c\n[Service]\nExecStart=/bin/a \\\n  b\nEnvironment=A=1\nEnvironment=\nEnvironment=B=2 C='x y'\n;c\n"
    assert units.parse(text) == {"Service.ExecStart": ["/bin/a    b"], "Service.Environment": ["B=2 C='x y'"]}


@pytest.mark.parametrize(
    ("text", "expected"), [("5", 5), ("1min 30s", 90), ("100ms", 0.1), ("2h", 7200), ("infinity", 86400)]
)
def test_time_spans_are_parsed_as_by_systemd(text: str, expected: float) -> None:
    assert units.parse_seconds(text) == pytest.approx(expected)


def test_variables_are_expanded_as_by_systemd(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("# c\nA=one two\nB='three'\n")
    variables = units.read_environment_files([str(tmp_path / "file"), f"-{tmp_path}/none"])
    assert units.expand(["$A", "${A}", "x$B", "$NONE", "100%%"], variables) == [
        "one",
        "two",
        "one two",
        "xthree",
        "100%",
    ]
