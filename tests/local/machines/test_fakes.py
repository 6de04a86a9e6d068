"""Fakes of programs of Ubuntu."""

import threading

import pytest

from local.machines.errors import MachineHalted
from local.machines.host.sandboxed import SandboxedMachines

from .build import document, invocation, read_output, run_script, shell_step, spec
from .conftest import PowerOffs

QUERY = "nvidia-smi --query-gpu=index,name,utilization.gpu,memory.used,memory.total --format=csv,noheader"


def test_apt_rejects_unknown_package(fleet: SandboxedMachines, shared: str) -> None:
    step = run_script(fleet, shared, "apt-get update -qq", "apt-get install -y tmux no-such-thing").steps[0]
    assert step.exit_code == 100
    assert "E: Unable to locate package no-such-thing" in step.stderr
    assert run_script(fleet, shared, "dpkg -s tmux").status == "Failed"


def test_apt_installs_known_package_once(fleet: SandboxedMachines, shared: str) -> None:
    install = "DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq --yes install jq python3-venv"
    assert "Setting up jq" in read_output(fleet, shared, "apt-get update -qq", install, "dpkg -s jq >/dev/null")
    assert "jq is already the newest version" in read_output(fleet, shared, install)


def test_apt_fails_at_once_if_locked(fleet: SandboxedMachines, shared: str) -> None:
    hold = "exec 9>/var/lib/dpkg/lock-frontend; flock 9"
    step = run_script(fleet, shared, hold, "apt-get install -y jq").steps[0]
    assert step.exit_code == 100
    assert "E: Could not get lock /var/lib/dpkg/lock-frontend" in step.stderr


def test_dpkg_survives_apt_and_leaves_the_installation_half_done(fleet: SandboxedMachines, shared: str) -> None:
    lines = (
        "mkdir -p /var/lib/fake-faults; echo 0.5 >/var/lib/fake-faults/slow-dpkg; apt-get update -qq",
        "timeout --signal KILL 0.3 apt-get install -y zip; rm /var/lib/fake-faults/slow-dpkg",
        "apt-get install -y zip; flock /var/lib/dpkg/lock-frontend true; apt-get install -y zip; dpkg --configure -a",
    )
    errors = run_script(fleet, shared, *lines).steps[0].stderr
    assert errors.index("E: Could not get lock") < errors.index("E: dpkg was interrupted, you must manually run")
    assert "Setting up zip" in read_output(fleet, shared, "apt-get install -y zip")


def test_update_of_lists_fails_as_ordered(fleet: SandboxedMachines, shared: str) -> None:
    faults = "/var/lib/fake-faults"
    order = f"mkdir -p {faults}; touch {faults}/unresolved-mirror; apt-get update; echo status $?"
    order += f"; mv {faults}/unresolved-mirror {faults}/broken-list; apt-get update; echo status $?; rm {faults}/*"
    order += "; exec 9>/var/lib/apt/lists/lock; flock 9; apt-get update; echo status $?"
    step = run_script(fleet, shared, order).steps[0]
    assert [line for line in step.stdout.splitlines() if "status" in line] == ["status 0", "status 100", "status 100"]
    for message in ("W: Failed to fetch http://", "InRelease' is not signed.", "E: Unable to lock directory"):
        assert message in step.stderr


def test_snap_holds_refreshes_until_a_time(fleet: SandboxedMachines, shared: str) -> None:
    lines = ("snap set system refresh.hold=2100-01-01T00:00:00Z", "snap get system refresh.hold", "snap refresh")
    assert read_output(fleet, shared, *lines).splitlines() == ["2100-01-01T00:00:00Z", "Refreshes are held."]


def test_nvidia_smi_shows_utilization_set_by_host(fleet: SandboxedMachines, shared: str) -> None:
    fleet.set_gpu_utilization(shared, [0, 97])
    assert read_output(fleet, shared, QUERY).splitlines() == [
        "0, Tesla T4, 0 %, 3 MiB, 15360 MiB",
        "1, Tesla T4, 97 %, 4608 MiB, 15360 MiB",
    ]
    assert read_output(fleet, shared, f"{QUERY},nounits | cut -d, -f3").split() == ["0", "97"]
    assert "Tesla T4" in read_output(fleet, shared, "nvidia-smi")
    assert run_script(fleet, shared, "nvidia-smi --query-gpu=nonsense --format=csv").exit_code == 2


def test_machine_without_gpu_has_no_nvidia_smi(fleet: SandboxedMachines) -> None:
    plain = spec(921, gpu=None, gpu_count=0)
    fleet.create(plain)
    fleet.boot(plain.instance_id)
    assert run_script(fleet, plain.instance_id, "nvidia-smi").exit_code == 127
    fleet.destroy(plain.instance_id)


def test_sudo_and_runuser_change_user(fleet: SandboxedMachines, shared: str) -> None:
    for line in ("sudo -u ubuntu -H sh -c", "runuser -u ubuntu -- sh -c", "su ubuntu -c", "sudo -nHu ubuntu sh -c"):
        assert read_output(fleet, shared, f"{line} 'echo $HOME'") == "/home/ubuntu", line
    assert read_output(fleet, shared, "echo typed | runuser -u ubuntu -- cat") == "typed"
    assert run_script(fleet, shared, "runuser -u nobody-else -- true").exit_code == 1
    assert read_output(fleet, shared, "sudo -iu ubuntu pwd; sudo A=b env | grep ^A=").splitlines()[-1] == "A=b"


def test_files_can_be_given_to_user(fleet: SandboxedMachines, shared: str) -> None:
    lines = ["install -d -m 0755 -o ubuntu -g ubuntu /home/ubuntu/work", "touch /srv/x", "chown ubuntu: /srv/x"]
    assert read_output(fleet, shared, *lines, "sudo -u ubuntu touch /home/ubuntu/work/y && echo done") == "done"


def test_venv_contains_only_installed_packages(fleet: SandboxedMachines, shared: str) -> None:
    pip = "/opt/env/bin/pip install --quiet"
    read_output(fleet, shared, "python3 -m venv /opt/env", f"{pip} 'ipykernel>=6,<99' wheel")
    assert read_output(
        fleet, shared, "/opt/env/bin/python -c 'import ipykernel; print(ipykernel.__file__)'"
    ).startswith("/opt")
    assert run_script(fleet, shared, "/opt/env/bin/python -c 'import moto'").status == "Failed"
    assert run_script(fleet, shared, "python3 -c 'import pip'").status == "Failed", "a new instance has no packages"
    assert read_output(fleet, shared, "head -1 /opt/env/bin/jupyter-kernelspec") == "#!/opt/env/bin/python"
    assert "share/jupyter/kernels/python3" in read_output(fleet, shared, "/opt/env/bin/jupyter-kernelspec list")
    assert read_output(fleet, shared, "/opt/env/bin/python -m pip list | grep -c ^ipykernel==") == "1"


@pytest.mark.parametrize("wanted", ["no-such-thing", "ipykernel==1.0", "ipykernel>=6,<7"])
def test_pip_names_missing_package(fleet: SandboxedMachines, shared: str, wanted: str) -> None:
    step = run_script(fleet, shared, "python3 -m venv /opt/other", f"/opt/other/bin/pip install '{wanted}'").steps[0]
    assert step.exit_code == 1
    assert f"ERROR: Could not find a version that satisfies the requirement {wanted}" in step.stderr
    assert f"ERROR: No matching distribution found for {wanted}" in step.stderr


def test_poweroff_halts_machine(fleet: SandboxedMachines, machine: str, power_offs: PowerOffs) -> None:
    assert run_script(fleet, machine, "shutdown -h now; sleep 60").report == "interrupted"
    assert power_offs.wait_for(machine)
    with pytest.raises(MachineHalted):
        run_script(fleet, machine, "true")


def test_cancelled_shutdown_does_not_happen(fleet: SandboxedMachines, machine: str) -> None:
    assert "off" in read_output(fleet, machine, "shutdown +1; shutdown --show")
    assert read_output(fleet, machine, "shutdown -c; shutdown --show || true") == "No scheduled shutdown."
    assert run_script(fleet, machine, "shutdown tomorrow").exit_code == 1


def test_reboot_command_ends_document_and_boots_machine(fleet: SandboxedMachines, machine: str) -> None:
    content = document(shell_step("one", "echo >>/root/runs; reboot; sleep 60"), shell_step("two", "rm /root/runs"))
    result = fleet.run(machine, invocation(content))
    assert (result.status, result.report) == ("Failed", "interrupted")
    fleet.boot(machine)
    assert read_output(fleet, machine, "cat /root/runs | wc -l") == "1"


def test_wall_messages_are_stored(fleet: SandboxedMachines, shared: str) -> None:
    assert (
        read_output(fleet, shared, "wall 'stopping soon'; echo piped | wall; cat /var/log/wall")
        == "stopping soon\npiped"
    )


def test_concurrent_programs_get_their_own_responses(fleet: SandboxedMachines, shared: str) -> None:
    units = " ".join(f"unit{number}" for number in range(8))
    line = f"for u in {units}; do (systemctl show --property=Id --value $u) & done; wait"
    assert sorted(read_output(fleet, shared, line).split()) == sorted(f"{unit}.service" for unit in units.split())
    assert threading.active_count() < 60


def test_df_shows_the_ordered_free_space(fleet: SandboxedMachines, shared: str) -> None:
    faults = "/var/lib/fake-faults"
    lines = ("df --output=avail -BM /", f"mkdir -p {faults}; echo 3000 >{faults}/free-mib", "df --output=avail -BG /")
    assert read_output(fleet, shared, *lines, f"df -h /; rm {faults}/free-mib").split()[:4] == [
        *("Avail", "50000M"),
        *("Avail", "2G"),
    ]
