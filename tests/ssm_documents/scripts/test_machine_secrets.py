"""Secrets of a machine: they are not in an image, the source gets them back, and a copy creates its own.

A copy creates them before its services start.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.machines.host.interface import InvocationResult
from local.machines.host.sandboxed import SandboxedMachines
from ssm_documents.probe.files import ProbePaths
from tests.support.sandbox import Machine, booted

AGENT_FOLDER = "/var/lib/amazon/ssm/"
"""It contains the scripts of the tests themselves."""

TOKEN = "/etc/gpudesk/jupyter-token"
RUNTIME = "/home/ubuntu/.local/share/jupyter/runtime/jpserver-1.json"
SERVICE = """[Service]
ExecStart=/bin/sh -c 'cat /etc/gpudesk/jupyter-token /etc/machine-id >/home/ubuntu/secrets-at-start; sleep 1000'
[Install]
WantedBy=multi-user.target
"""
"""A service in place of Jupyter. It writes the secrets that exist when it starts."""

PROBE = ProbePaths()
MACHINE_STATE = " ".join(
    map(str, (PROBE.response, PROBE.status, PROBE.history, PROBE.keep_requests, PROBE.keep_results, PROBE.attempts))
)
"""Files and folders of the probe that belong to one machine."""

PREPARE = f"""set -e
mkdir -p /etc/gpudesk /etc/ssh $(dirname {RUNTIME}) /var/lib/gpudesk/attempts /var/lib/gpudesk/steps
echo old-token >{TOKEN}; chown ubuntu: {TOKEN}; chmod 600 {TOKEN}
touch /etc/gpudesk/jupyter_server_config.py
echo old-key >/etc/ssh/ssh_host_ed25519_key; echo old-pub >/etc/ssh/ssh_host_ed25519_key.pub
echo '{{"token": "old-token"}}' >{RUNTIME}
echo old-token >$(dirname {RUNTIME})/jpserver-1-open.html
echo old-token >$(dirname {RUNTIME})/jupyter_cookie_secret
echo '{{"key": "of-the-source"}}' >/etc/gpudesk/probe.json
mkdir -p {MACHINE_STATE}; echo mark >/var/lib/gpudesk/steps/gpudesk-jupyter.install
echo work >/home/ubuntu/notebook.ipynb
cat >/etc/systemd/system/gpudesk-jupyter.service <<'UNIT'
{SERVICE}
UNIT
chown -R ubuntu: /home/ubuntu
# These names stand for the blocks on the disk, which keep the content of a file that is only removed.
mkdir /var/blocks; ln {TOKEN} /etc/ssh/ssh_host_ed25519_key $(dirname {RUNTIME})/* /var/blocks
systemctl enable --quiet --now gpudesk-jupyter.service 2>/dev/null"""

WAIT_FOR_SERVICE = """until [ -s /home/ubuntu/secrets-at-start ] && systemctl is-active --quiet gpudesk-jupyter.service
do sleep 0.05; done"""
IMAGE, BROKEN_IMAGE = "image-without-secrets", "image-with-broken-service"


@dataclass(frozen=True)
class Imaging:
    """The results of creating an image.

    :ivar token_meanwhile: token of the source while its secrets were removed
    :ivar folder: folder of the image
    """

    removal: InvocationResult
    token_meanwhile: str
    restoration: InvocationResult
    folder: Path


@pytest.fixture(scope="module")
def source(fleet: SandboxedMachines) -> Iterator[Machine]:
    """Boot the machine of which images are created."""
    with booted(fleet, gpu=None) as machine:
        machine.shell(PREPARE)
        yield machine


@pytest.fixture(scope="module")
def imaging(source: Machine) -> Imaging:
    """Create an image, and another one whose service for secrets fails."""
    removal = run_image_document(source, "remove")
    source.shell("rm /home/ubuntu/secrets-at-start")
    folders = []
    for image in (IMAGE, BROKEN_IMAGE):
        source.fleet.capture(source.id, image)
        folders.append(source.fleet.root / ".images" / image)
    (folders[1] / "disk/opt/gpudesk/gpudesk-machine-secrets").write_text("#!/bin/sh\nexit 1\n")
    token = source.shell(f"cat {TOKEN} 2>/dev/null || true")
    return Imaging(removal, token, run_image_document(source, "restore"), folders[0])


def run_image_document(machine: Machine, action: str) -> InvocationResult:
    return machine.run("gpudesk-image", action=action)


def test_no_secret_is_on_the_disk_during_the_copy_and_all_are_restored(source: Machine, imaging: Imaging) -> None:
    assert imaging.removal.status == "Success", imaging.removal
    assert list_files_with(imaging.folder, b"old-token") == list_files_with(imaging.folder, b"old-key") == []
    assert len(list((imaging.folder / "disk/var/blocks").iterdir())) == 5, "also not in the blocks of removed files"
    assert "work" in (imaging.folder / "disk/home/ubuntu/notebook.ipynb").read_text()
    assert imaging.token_meanwhile != "old-token"
    assert imaging.restoration.status == "Success", imaging.restoration
    assert source.shell(f"cat {TOKEN} {RUNTIME}") == 'old-token\n{"token": "old-token"}'
    assert source.shell(f"stat -c '%U %a' {TOKEN}") == "ubuntu 600"
    assert source.shell("cat /etc/ssh/ssh_host_ed25519_key") == "old-key"


def test_copy_regenerates_its_secrets_before_its_services_start(source: Machine, imaging: Imaging) -> None:
    with booted(source.fleet, gpu=None, source_image=IMAGE) as copy:
        token = copy.shell(f"{WAIT_FOR_SERVICE}; cat {TOKEN}")
        assert len(token) == 48
        machine_id = copy.shell("cat /etc/machine-id")
        assert machine_id != source.shell("cat /etc/machine-id")
        assert copy.shell("cat /home/ubuntu/secrets-at-start") == f"{token}{machine_id}"
        assert copy.shell("cat /etc/gpudesk/instance-id") == copy.id
        assert copy.shell("cat /etc/ssh/ssh_host_ed25519_key") != "old-key"
        assert copy.shell(f"stat -c '%U %a' {TOKEN}") == "ubuntu 600"
        assert copy.shell(f"ls -d /etc/gpudesk/probe.json {MACHINE_STATE} 2>/dev/null; true") == ""
        assert "gpudesk-jupyter.install" in copy.shell("ls /var/lib/gpudesk/steps"), "a copy knows what is installed"
        copy.halt()
        copy.boot()
        assert copy.shell(f"{WAIT_FOR_SERVICE}; cat {TOKEN} /etc/machine-id") == f"{token}{machine_id}", (
            "a reboot changes nothing"
        )


def test_service_does_not_start_without_regenerated_secrets(fleet: SandboxedMachines, imaging: Imaging) -> None:
    with booted(fleet, gpu=None, source_image=BROKEN_IMAGE) as copy:
        assert copy.shell("systemctl is-active gpudesk-machine-secrets.service; true") == "failed"
        assert copy.shell("systemctl is-active gpudesk-jupyter.service; true") == "inactive"


def test_link_in_a_home_folder_does_not_redirect_root(source: Machine) -> None:
    folder = RUNTIME.rpartition("/")[0]
    source.shell(f"rm -f /etc/profile.d/*; mkdir -p /etc/profile.d {folder}")
    source.shell("echo root-only >/root/secret; chmod 600 /root/secret")
    source.shell(f"ln -s /root/secret {folder}/kernel-1.json; echo evil >{folder}/jpserver-2.sh")
    source.shell(f"chown -hR ubuntu: {folder}")
    assert run_image_document(source, "remove").status == "Failed", (
        "the user cannot read the target of the link, so it is not stored for the user"
    )
    source.shell(f"rm {folder}/kernel-1.json")
    assert run_image_document(source, "remove").status == "Success"
    source.shell(f"mv {folder} {folder}.before; ln -s /etc/profile.d {folder}")
    run_image_document(source, "restore")
    assert source.shell("ls /etc/profile.d; echo") == ""
    source.shell(f"rm {folder}; mv {folder}.before {folder}; rm -rf /run/gpudesk/removed-secrets")


def list_files_with(folder: Path, text: bytes) -> list[str]:
    """Return the files below a folder that contain a text."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if AGENT_FOLDER not in str(path) and text in path.read_bytes()]
