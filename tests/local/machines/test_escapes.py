"""Attempts of root on a machine to write outside its folder, to see other processes and to reach a network."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.machines.host.sandboxed import SandboxedMachines

from .build import read_output, run_script, spec

REPOSITORY = Path(__file__).parents[3]
HERE = spec(900).instance_id


@pytest.fixture(scope="module")
def untrusted(fleet: SandboxedMachines) -> Iterator[str]:
    fleet.create(spec(900))
    fleet.boot(HERE)
    yield HERE
    fleet.destroy(HERE)


ATTEMPTS = {
    "a system folder": "touch /usr/escaped",
    "a system program": "echo >>/usr/bin/env",
    "the host's programs behind the fakes": "touch /.machine/usr/bin/escaped",
    "the packages": "touch /.machine/environment/escaped",
    "the interpreter": "touch /.machine/python/escaped",
    "the code of the sandbox": "touch /.machine/code/local/machines/inside/init.py",
    "what the host says of the GPUs": "echo >/.machine/device/gpu.json",
    "remount /usr": "mount -o remount,rw /usr",
    "remount the bind of /usr": "mount -o remount,bind,rw /usr",
    "remount in a further namespace": "unshare -Urm mount -o remount,bind,rw /usr",
    "take /usr away": "umount -l /usr",
    "take /usr/bin away in a further namespace": "unshare -Urm umount -l /usr/bin",
    "a second view of the root": "mount --bind / /mnt",
    "the disk's device": "mount -t ext4 /dev/vda /mnt || mknod /root/vda b 254 0",
    "a new proc": "mount -t proc proc /mnt",
    "sysfs": "mount -t sysfs sysfs /mnt",
    "a setting of the kernel": "echo x >/proc/sys/kernel/core_pattern",
    "a setting of the kernel, remounted": "mount -o remount,rw /proc/sys && echo x >/proc/sys/kernel/core_pattern",
    "sysrq": "echo h >/proc/sysrq-trigger",
    "the mode of a device": "chmod 0 /dev/null",
    "the first process's files": "ls /proc/1/cwd/work || touch /proc/1/root/usr/escaped",
    "the first process's memory": "dd if=/proc/1/mem count=1 skip=1000000 bs=4096",
    "the host's clock": "date -s '2001-01-01'",
    "the host's name": "hostname escaped",
    "a module": "modprobe dummy || insmod /dev/null",
    "the network's address": "ip addr add 10.9.9.9/24 dev lo",
    "a chroot out": "chroot /proc/1/root/../../.. touch /usr/escaped",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_root_inside_has_no_rights_outside(fleet: SandboxedMachines, untrusted: str, attempt: str) -> None:
    assert run_script(fleet, untrusted, attempt).status == "Failed"


def test_no_path_leads_to_repository_or_other_machine(
    fleet: SandboxedMachines, untrusted: str, machine: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("x")
    for path in (REPOSITORY, tmp_path, fleet.root, fleet.root / machine):
        assert read_output(fleet, untrusted, f"ls -A {path} 2>/dev/null | wc -l") == "0"


def test_write_to_host_path_stays_in_folder_of_machine(
    fleet: SandboxedMachines, untrusted: str, tmp_path: Path
) -> None:
    read_output(fleet, untrusted, f"mkdir -p {tmp_path} && touch {tmp_path}/here")
    assert list(tmp_path.iterdir()) == []
    assert (fleet.root / untrusted / "disk" / tmp_path.relative_to("/") / "here").exists()


def test_links_on_disk_do_not_lead_to_host(fleet: SandboxedMachines, machine: str, tmp_path: Path) -> None:
    read_output(
        fleet, machine, f"rm -rf /tmp/* /var/lib/amazon && ln -s {tmp_path} /var/lib/amazon && ln -s {tmp_path} /tmp/x"
    )
    assert "script file" in run_script(fleet, machine, "true").steps[0].stderr
    fleet.halt(machine)
    fleet.boot(machine)
    fleet.destroy(machine)
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.exists()


def test_files_of_machine_have_no_owner_on_host(fleet: SandboxedMachines, untrusted: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("a plain user has no other users to give to its machines")
    read_output(fleet, untrusted, "cp /usr/bin/env /root/env && chmod u+s /root/env")
    made = (fleet.root / untrusted / "disk" / "root" / "env").stat()
    assert made.st_uid > 1_000_000_000
    assert made.st_uid not in {os.geteuid(), 0}


def test_host_processes_are_not_visible(fleet: SandboxedMachines, untrusted: str) -> None:
    assert run_script(fleet, untrusted, f"kill -0 {os.getpid()} || ls /proc/{os.getpid()}").status == "Failed"
    assert "pytest" not in read_output(fleet, untrusted, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_machine_has_only_loopback_network(fleet: SandboxedMachines, untrusted: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"
        for host, number in (("127.0.0.1", port), ("1.1.1.1", 53), ("10.0.0.1", 80)):
            assert run_script(fleet, untrusted, f"python3 -c '{connect}' {host} {number}").status == "Failed"
