"""Units of systemd: parsed, started, restarted, stopped, and started again at boot."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from local.machines.host.sandboxed import SandboxedMachines
from local.machines.inside import units

from .build import run_script, said

TALKER = "#!/bin/sh\\necho begun >>/root/log; echo said $WORD; exec sleep 600"


def unit(name: str, *lines: str, install: bool = True) -> str:
    """A line that writes a unit."""
    text = ["[Service]", *lines, *(["[Install]", "WantedBy=multi-user.target"] if install else [])]
    body = "\n".join(text)
    return f"cat >/etc/systemd/system/{name}.service <<'END'\n{body}\nEND\nsystemctl daemon-reload"


def test_enabled_service_runs_at_once_and_after_boot(fleet: SandboxedMachines, machine: str) -> None:
    said(
        fleet,
        machine,
        f"printf '{TALKER}' >/usr/local/bin/talker; chmod +x /usr/local/bin/talker; echo WORD=file >/etc/word",
        unit("talker", "ExecStart=/usr/local/bin/talker", "Environment=WORD=line", "EnvironmentFile=/etc/word"),
        "systemctl enable --now talker",
    )
    assert said(fleet, machine, "systemctl is-active talker; systemctl is-enabled talker.service") == "active\nenabled"
    fleet.halt(machine)
    fleet.boot(machine)
    assert said(fleet, machine, "systemctl list-units") == "talker.service loaded active"
    waiting = "for i in $(seq 1000); do [ $(wc -l </root/log) = 2 ] && break; done; journalctl -u talker | tail -1"
    assert said(fleet, machine, waiting, "systemctl is-active talker") == "said file\nactive"
    said(fleet, machine, "systemctl disable --now talker")
    assert run_script(fleet, machine, "systemctl is-active talker").exit_code == 3


def test_crashed_service_is_restarted(fleet: SandboxedMachines, machine: str) -> None:
    line = "ExecStart=/bin/sh -c 'echo >/root/started.pipe; exec sleep 600'"
    said(fleet, machine, "mkfifo /root/started.pipe", unit("f", line, "Restart=on-failure", "RestartSec=10ms"))
    said(fleet, machine, "systemctl start f & cat /root/started.pipe; wait")
    killed = "kill -9 $(systemctl show -p=MainPID --property=MainPID --value f); cat /root/started.pipe"
    said(fleet, machine, killed)
    assert said(fleet, machine, "systemctl is-active f; journalctl -u f") == (
        "active\nsystemd[1]: f.service: Main process exited, code=killed, status=9/KILL"
    )


def test_service_that_always_crashes_is_not_restarted_forever(fleet: SandboxedMachines, shared: str) -> None:
    said(fleet, shared, unit("f", "ExecStart=/bin/false", "Restart=always", "RestartSec=1ms"))
    wait = "timeout 10 sh -c 'tail -n +1 -F /var/log/services/f.service.log 2>/dev/null | grep -q -m1 repeated'"
    run_script(fleet, shared, "systemctl start f", wait)
    assert said(fleet, shared, "systemctl is-active f || systemctl is-failed f").split() == ["failed", "failed"]


def test_stop_ends_all_processes_of_service(fleet: SandboxedMachines, machine: str) -> None:
    deaf = 'setsid sh -c "trap : TERM; echo up >/root/up; while :; do sleep 60; done"'
    line = f"ExecStart=/bin/sh -c '{deaf} & exec sleep 602'"
    said(fleet, machine, "mkfifo /root/up", unit("f", line, "TimeoutStopSec=60", "Restart=always"))
    said(fleet, machine, "systemctl start f & cat /root/up; wait", "systemctl stop f")
    assert said(fleet, machine, "systemctl is-active f || pgrep sleep || echo none") == "inactive\nnone"


def test_service_that_ignores_stop_is_killed(fleet: SandboxedMachines, machine: str) -> None:
    line = "ExecStart=/bin/sh -c 'trap : TERM; echo up >/root/up; while :; do sleep 60; done'"
    said(fleet, machine, "mkfifo /root/up", unit("f", line, "TimeoutStopSec=200ms"))
    said(fleet, machine, "systemctl start f & cat /root/up; wait", "systemctl stop f")
    assert said(fleet, machine, "systemctl is-active f || pgrep sleep || echo none") == "inactive\nnone"


@pytest.mark.parametrize(
    ("lines", "code", "trouble"),
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
    fleet: SandboxedMachines, shared: str, lines: list[str], code: int, trouble: str
) -> None:
    name = f"start{abs(hash(tuple(lines)))}"
    step = run_script(fleet, shared, unit(name, *lines), f"systemctl start {name}").steps[0]
    assert step.exit_code == code
    assert trouble in step.stderr


def test_unknown_unit_gives_systemctl_exit_codes(fleet: SandboxedMachines, shared: str) -> None:
    codes = "for verb in start status is-active enable; do systemctl $verb nothing; echo $?; done"
    assert [word for word in said(fleet, shared, codes).split() if word.isdigit()] == ["5", "4", "3", "1"]


INSTALL = """python3 -m venv /opt/jupyter
/opt/jupyter/bin/pip install --quiet jupyter-server ipykernel
cat >/etc/systemd/system/jupyter.service <<'END'
[Service]
User=ubuntu
WorkingDirectory=/home/ubuntu
ExecStart=/opt/jupyter/bin/jupyter server --ip=127.0.0.1 --port=8888 --no-browser --IdentityProvider.token=secret
Restart=always
[Install]
WantedBy=multi-user.target
END
systemctl enable --quiet --now jupyter"""
RUNNING = "bash -c 'until (exec 3<>/dev/tcp/127.0.0.1/8888) 2>/dev/null; do sleep 0.05; done'"


def test_jupyter_server_is_reachable_after_install_and_after_reboot(fleet: SandboxedMachines, machine: str) -> None:
    said(fleet, machine, INSTALL, RUNNING)
    forwarding = fleet.forward(machine, 8888, 0)
    headers = {"Authorization": "token secret"}
    at = f"127.0.0.1:{forwarding.local_port}"
    kernel = _ask(f"http://{at}/api/kernels", headers, b"{}")["id"]
    channel = create_connection(f"ws://{at}/api/kernels/{kernel}/channels", header=headers, timeout=20)
    request = {
        "header": {"msg_id": "1", "msg_type": "execute_request", "username": "", "session": "s", "version": "5.3"},
        "parent_header": {},
        "metadata": {},
        "channel": "shell",
        "content": {"code": "print(6 * 7, open('/etc/hostname').read())", "silent": False},
    }
    channel.send(json.dumps(request))
    texts = iter(lambda: json.loads(channel.recv()), None)
    printed = next(text["content"]["text"] for text in texts if text and text["msg_type"] == "stream")
    assert printed.startswith("42 ip-10-0-")
    channel.close()
    fleet.halt(machine)
    fleet.boot(machine)
    said(fleet, machine, RUNNING)
    assert _ask(f"http://{at}/api/kernels", headers) == []


def _ask(url: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:
        return json.load(answer)


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
