"""What belongs to one machine alone: out of what is copied, put back, and made anew on the copy before its services."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.machines.host.interface import Invocation, InvocationResult, MachineSpec
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.compose import compose
from ssm_documents.probe.files import ProbePaths

SOURCE, COPY = "i-0c0ffee0000000001", "i-0c0ffee0000000002"
AGENT = "/var/lib/amazon/ssm/"
TOKEN = "/etc/gpudesk/jupyter-token"
RUNTIME = "/home/ubuntu/.local/share/jupyter/runtime/jpserver-1.json"
SERVICE = """[Service]
ExecStart=/bin/sh -c 'cat /etc/gpudesk/jupyter-token /etc/machine-id >/home/ubuntu/seen; sleep 1000'
[Install]
WantedBy=multi-user.target
"""
"""Stands for Jupyter: it notes what it found when it started."""

STATE = ProbePaths()
OF_ONE_MACHINE = " ".join(
    map(str, (STATE.response, STATE.status, STATE.history, STATE.keep_requests, STATE.keep_results, STATE.attempts))
)

PREPARE = f"""set -e
mkdir -p /etc/gpudesk /etc/ssh $(dirname {RUNTIME}) /var/lib/gpudesk/attempts /var/lib/gpudesk/steps
echo old-token >{TOKEN}; chown ubuntu: {TOKEN}; chmod 600 {TOKEN}
touch /etc/gpudesk/jupyter_server_config.py
echo old-key >/etc/ssh/ssh_host_ed25519_key; echo old-pub >/etc/ssh/ssh_host_ed25519_key.pub
echo '{{"token": "old-token"}}' >{RUNTIME}
echo old-token >$(dirname {RUNTIME})/jpserver-1-open.html
echo old-token >$(dirname {RUNTIME})/jupyter_cookie_secret
echo '{{"key": "of-the-source"}}' >/etc/gpudesk/probe.json
mkdir -p {OF_ONE_MACHINE}; echo mark >/var/lib/gpudesk/steps/gpudesk-jupyter.install
echo work >/home/ubuntu/notebook.ipynb
cat >/etc/systemd/system/gpudesk-jupyter.service <<'UNIT'
{SERVICE}
UNIT
chown -R ubuntu: /home/ubuntu
systemctl enable --quiet --now gpudesk-jupyter.service 2>/dev/null"""


UNTIL_UP = "until systemctl is-active --quiet gpudesk-jupyter.service && [ -s /home/ubuntu/seen ]; do sleep 0.02; done"


class Pair:
    """A machine, and the copy of it that tests boot."""

    def __init__(self, machines: SandboxedMachines) -> None:
        self.machines = machines
        self._number = 0

    def spec(self, instance_id: str, copy_of: str | None = None) -> MachineSpec:
        return MachineSpec(instance_id, "t3.large", "us-east-1", None, 0, source_image=copy_of)

    def act(self, action: str, attempt: str) -> InvocationResult:
        parameters = {"attemptId": [attempt], "action": [action]}
        return self._run(SOURCE, "gpudesk-image", compose("gpudesk-image"), parameters)

    def run_shell(self, instance_id: str, line: str) -> str:
        step = {"action": "aws:runShellScript", "name": "shell", "inputs": {"runCommand": [line]}}
        result = self._run(instance_id, "shell", {"schemaVersion": "2.2", "mainSteps": [step]}, {})
        return (result.steps[0].stdout + result.steps[0].stderr).strip()

    def _run(
        self, who: str, name: str, document: dict[str, object], parameters: dict[str, list[str]]
    ) -> InvocationResult:
        self._number += 1
        return self.machines.run(who, Invocation(f"c-{self._number}", name, document, parameters))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    def now() -> datetime:
        return datetime(2030, 5, 1, tzinfo=UTC)

    if why := find_sandbox_problem(now):
        pytest.skip(why)
    machines = SandboxedMachines(tmp_path_factory.mktemp("pair"), now)
    pair = Pair(machines)
    machines.create(pair.spec(SOURCE))
    machines.boot(SOURCE)
    assert pair.run_shell(SOURCE, PREPARE) == ""
    yield pair
    machines.close()


def test_no_secret_is_on_the_disk_during_the_copy_and_all_are_restored(pair: Pair) -> None:
    removed = pair.act("remove", "gi-1.remove")
    assert removed.status == "Success", removed.steps[0].stderr
    pair.run_shell(SOURCE, "rm /home/ubuntu/seen")
    pair.machines.capture(SOURCE, "ami-1")
    disk = pair.machines.root / ".images" / "ami-1"
    assert _holding(disk, b"old-token") == _holding(disk, b"old-key") == []
    assert "work" in (disk / "disk/home/ubuntu/notebook.ipynb").read_text()
    assert pair.run_shell(SOURCE, f"cat {TOKEN}") != "old-token"
    assert pair.act("restore", "gi-1.restore").status == "Success"
    assert pair.run_shell(SOURCE, f"cat {TOKEN} {RUNTIME}") == 'old-token\n{"token": "old-token"}'
    assert pair.run_shell(SOURCE, f"stat -c '%U %a' {TOKEN}") == "ubuntu 600"
    assert pair.run_shell(SOURCE, "cat /etc/ssh/ssh_host_ed25519_key") == "old-key"


def test_copy_regenerates_its_secrets_before_its_services_start(pair: Pair) -> None:
    pair.act("remove", "gi-2.remove")
    pair.machines.capture(SOURCE, "ami-2")
    pair.act("restore", "gi-2.restore")
    pair.machines.create(pair.spec(COPY, copy_of="ami-2"))
    pair.machines.boot(COPY)
    token = pair.run_shell(COPY, f"{UNTIL_UP}; cat {TOKEN}")
    assert len(token) == 48
    machine_id = pair.run_shell(COPY, "cat /etc/machine-id")
    assert machine_id != pair.run_shell(SOURCE, "cat /etc/machine-id")
    assert pair.run_shell(COPY, "cat /home/ubuntu/seen") == f"{token}{machine_id}", (
        "what the service saw when it started"
    )
    assert pair.run_shell(COPY, "cat /etc/gpudesk/instance-id") == COPY
    assert pair.run_shell(COPY, "cat /etc/ssh/ssh_host_ed25519_key") != "old-key"
    assert pair.run_shell(COPY, f"stat -c '%U %a' {TOKEN}") == "ubuntu 600"
    assert pair.run_shell(COPY, f"ls -d /etc/gpudesk/probe.json {OF_ONE_MACHINE} 2>/dev/null; true") == ""
    assert "gpudesk-jupyter.install" in pair.run_shell(COPY, "ls /var/lib/gpudesk/steps"), (
        "what is installed stays known"
    )
    pair.machines.halt(COPY)
    pair.machines.boot(COPY)
    assert pair.run_shell(COPY, f"{UNTIL_UP}; cat {TOKEN} /etc/machine-id") == f"{token}{machine_id}", (
        "a reboot changes nothing"
    )


def test_service_does_not_start_without_regenerated_secrets(pair: Pair) -> None:
    pair.act("remove", "gi-3.remove")
    pair.machines.capture(SOURCE, "ami-3")
    pair.act("restore", "gi-3.restore")
    broken = pair.machines.root / ".images" / "ami-3" / "disk/opt/gpudesk/gpudesk-machine-secrets"
    broken.write_text("#!/bin/sh\nexit 1\n")
    third = COPY.replace("2", "3")
    pair.machines.create(pair.spec(third, copy_of="ami-3"))
    pair.machines.boot(third)
    assert pair.run_shell(third, "systemctl is-active gpudesk-machine-secrets.service; true") == "failed"
    assert pair.run_shell(third, "systemctl is-active gpudesk-jupyter.service; true") == "inactive"


def test_link_in_a_home_folder_does_not_redirect_root(pair: Pair) -> None:
    folder = RUNTIME.rpartition("/")[0]
    pair.run_shell(SOURCE, f"rm -f /etc/profile.d/*; mkdir -p /etc/profile.d {folder}")
    pair.run_shell(SOURCE, "echo root-only >/root/secret; chmod 600 /root/secret")
    pair.run_shell(SOURCE, f"ln -s /root/secret {folder}/kernel-1.json; echo evil >{folder}/jpserver-2.sh")
    pair.run_shell(SOURCE, f"chown -hR ubuntu: {folder}")
    assert pair.act("remove", "gi-4.remove").status == "Failed", "the user cannot read it, so it is not kept for them"
    pair.run_shell(SOURCE, f"rm {folder}/kernel-1.json")
    assert pair.act("remove", "gi-5.remove").status == "Success"
    pair.run_shell(SOURCE, f"mv {folder} {folder}.before; ln -s /etc/profile.d {folder}")
    pair.act("restore", "gi-5.restore")
    assert pair.run_shell(SOURCE, "ls /etc/profile.d; echo") == ""
    pair.run_shell(SOURCE, f"rm {folder}; mv {folder}.before {folder}; rm -rf /run/gpudesk/removed-secrets")


def _holding(folder: Path, text: bytes) -> list[str]:
    """The files under a folder in which a text stands, but for the test's own scripts, which the agent keeps."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and AGENT not in str(path))
    return [str(path.relative_to(folder)) for path in files if text in path.read_bytes()]
