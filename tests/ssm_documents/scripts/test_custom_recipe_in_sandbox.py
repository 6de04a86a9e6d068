"""The custom recipe of docs/recipes.md in a sandbox. git.example.org is a folder of the machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.machines.host.interface import InvocationResult
from local.machines.host.sandboxed import SandboxedMachines
from ssm_documents.compose import compose_custom
from tests.support.custom_recipes import EXAMPLES, VISION, change_example, copy_data_with_example
from tests.support.sandbox import Machine, booted

REPOSITORY = """
install -d /srv/git && cd /srv/git && git init --quiet --initial-branch main notebooks && cd notebooks
git config user.email ada@example.org && git config user.name ada
echo one >index.html && git add . && git commit --quiet --message one
git config --system url.file:///srv/git/notebooks.insteadOf https://git.example.org/vision/notebooks.git
git config --system --add safe.directory '*'
"""


@pytest.fixture(scope="module")
def machine(fleet: SandboxedMachines) -> Iterator[Machine]:
    with booted(fleet, gpu=None) as machine:
        machine.shell("set -e", REPOSITORY)
        yield machine


def run(machine: Machine, recipes: Path = EXAMPLES, **parameters: str) -> InvocationResult:
    return machine.run(compose_custom(VISION, recipes), **parameters)


def test_example_runs_and_a_rerun_keeps_changes_of_users(machine: Machine) -> None:
    result = run(machine)
    assert result.status == "Success", result
    output = {step.name: step.stdout for step in result.steps}
    assert "Installed jq unzip." in output["apt_packages"]
    assert "Installed 2 packages in /opt/gpudesk/custom/vision." in output["pip_packages"]
    assert "Jupyter on this instance offers the kernel vision." in output["pip_packages"]
    assert (
        "Cloned https://git.example.org/vision/notebooks.git into /home/ubuntu/work/vision, at main."
        in output["git_checkouts"]
    )
    assert "The page is on 127.0.0.1:8700.\nThis instance has no GPU" in output["start"]
    assert machine.shell("curl -s http://127.0.0.1:8700/index.html") == "one"
    assert "/opt/gpudesk/custom/vision" in machine.shell("cat /usr/local/share/jupyter/kernels/vision/kernel.json")
    owners = machine.shell("stat -c %U /home/ubuntu/work/vision/index.html /etc/systemd/system/vision-page.service")
    assert owners.split() == ["ubuntu", "root"]

    machine.shell("cd /srv/git/notebooks && echo two >index.html && git commit --quiet --all --message two")
    result = run(machine, pagePort="8701")
    assert "Updated /home/ubuntu/work/vision to main of" in result.steps[2].stdout, "a branch moves on"
    assert machine.shell("curl -s http://127.0.0.1:8701/index.html") == "two", "another port was chosen"

    machine.shell("echo mine >/home/ubuntu/work/vision/index.html")
    machine.shell("cd /srv/git/notebooks && echo three >index.html && git commit --quiet --all --message three")
    (step,) = machine.run_steps(compose_custom(VISION, EXAMPLES), "git_checkouts")
    assert step.status == "Success", step
    assert "has local changes and is not updated" in step.stdout
    assert machine.shell("cat /home/ubuntu/work/vision/index.html") == "mine"


def test_missing_repository_fails_with_advice(machine: Machine) -> None:
    machine.shell("rm -rf /home/ubuntu/work/vision && touch /home/ubuntu/work/vision")
    result = run(machine)
    assert (result.status, result.steps[2].status, result.steps[3].status) == ("Failed", "Failed", "Skipped")
    assert "is not a git checkout. Move it away." in result.steps[2].stderr


def test_root_runs_no_program_of_the_user_and_writes_through_no_link(machine: Machine, tmp_path: Path) -> None:
    recipes = copy_data_with_example(tmp_path)
    change_example(recipes, environment="/home/ubuntu/env", apt=None, git=None, start=None, parameters=None)
    write_user = "#!/bin/sh\nid -un >>/home/ubuntu/users\n"
    for program in ("pip", "python"):
        lines = f"{write_user}echo '{{}}'\n" if program == "python" else write_user
        machine.shell(f"install -D -m 0755 -o ubuntu /dev/stdin /home/ubuntu/env/bin/{program} <<'X'\n{lines}X")
    machine.shell("chown -R ubuntu: /home/ubuntu/env")
    result = run(machine, recipes / "recipes")
    assert result.status == "Success", result
    assert set(machine.shell("cat /home/ubuntu/users").split()) == {"ubuntu"}
    kernel = "/usr/local/share/jupyter/kernels/vision/kernel.json"
    assert machine.shell(f"stat -c %U {kernel}; cat {kernel}") == "root\n{}"

    machine.shell("mkdir /srv/roots && rm -rf /home/ubuntu/work && ln -s /srv/roots /home/ubuntu/work")
    result = run(machine)
    assert "/home/ubuntu/work is not a folder of the user ubuntu" in result.steps[2].stderr
    assert machine.shell("stat -c %U /srv/roots") == "root"
