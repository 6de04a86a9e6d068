"""A team's own recipe: what is refused when it is composed, and the example of docs/recipes.md on a pretend machine."""

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.setup.parameters import resolve_values
from chalicelib.store.data_files import load_recipes
from local.machines.host.interface import Invocation, InvocationResult, MachineSpec
from local.machines.host.sandboxed import SandboxedMachines
from local.machines.host.select_backend import find_sandbox_problem
from ssm_documents.check import check_document
from ssm_documents.compose import compose_custom
from ssm_documents.custom_recipes import list_custom_document_names

EXAMPLES = Path("examples/recipes")
VISION = "gpudesk-custom-vision"
DATA = Path("chalicelib/data")
REPOSITORY = """
install -d /srv/git && cd /srv/git && git init --quiet --initial-branch main notebooks && cd notebooks
git config user.email ada@example.org && git config user.name ada
echo one >index.html && git add . && git commit --quiet --message one
git config --system url.file:///srv/git/notebooks.insteadOf https://git.example.org/vision/notebooks.git
git config --system --add safe.directory '*'
"""


class Machine:
    """A pretend machine, for which git.example.org is a folder of its own."""

    def __init__(self, machines: SandboxedMachines) -> None:
        self._machines = machines
        self._commands = itertools.count(1)

    def run(self, attempt: str, recipes: Path = EXAMPLES, **parameters: str) -> InvocationResult:
        values = {"attemptId": attempt, "gpuCount": "0"} | parameters
        document = compose_custom(VISION, recipes)
        given = {name: [value] for name, value in values.items()}
        return self._machines.run("i-0a", Invocation(f"c-{next(self._commands)}", VISION, document, given))

    def shell(self, script: str) -> str:
        step = {"action": "aws:runShellScript", "name": "shell", "inputs": {"runCommand": ["set -e", script]}}
        document = {"schemaVersion": "2.2", "description": "d", "mainSteps": [step]}
        result = self._machines.run("i-0a", Invocation(f"c-{next(self._commands)}", "shell", document, {}))
        assert result.status == "Success", result
        return result.steps[0].stdout.strip()


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    minutes = itertools.count()

    def now() -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + next(minutes) * timedelta(minutes=1)

    if why := find_sandbox_problem(now):
        pytest.skip(why)
    machines = SandboxedMachines(root=tmp_path_factory.mktemp("machines"), now=now)
    machines.create(MachineSpec("i-0a", "t3.large", "us-east-1", gpu=None, gpu_count=0))
    machines.boot("i-0a")
    made = Machine(machines)
    made.shell(REPOSITORY)
    yield made
    machines.close()


def test_example_runs_and_a_rerun_keeps_changes_of_users(machine: Machine) -> None:
    result = machine.run("a1")
    assert result.status == "Success", result
    output = {step.name: step.stdout for step in result.steps}
    assert "Installed jq unzip." in output["apt"]
    assert "Installed 2 packages in /opt/gpudesk/custom/vision." in output["pip"]
    assert "Jupyter on this instance offers the kernel vision." in output["pip"]
    assert (
        "Cloned https://git.example.org/vision/notebooks.git into /home/ubuntu/work/vision, at main." in output["git"]
    )
    assert "The page is on 127.0.0.1:8700.\nThis instance has no GPU" in output["start"]
    assert machine.shell("curl -s http://127.0.0.1:8700/index.html") == "one"
    assert "/opt/gpudesk/custom/vision" in machine.shell("cat /usr/local/share/jupyter/kernels/vision/kernel.json")
    assert machine.shell(
        "stat -c %U /home/ubuntu/work/vision/index.html /etc/systemd/system/vision-page.service"
    ).split()

    machine.shell("cd /srv/git/notebooks && echo two >index.html && git commit --quiet --all --message two")
    result = machine.run("a2", pagePort="8701")
    assert "Updated /home/ubuntu/work/vision to main of" in result.steps[2].stdout, "a branch moves on"
    assert machine.shell("curl -s http://127.0.0.1:8701/index.html") == "two", "another port was chosen"

    machine.shell("echo mine >/home/ubuntu/work/vision/index.html")
    machine.shell("cd /srv/git/notebooks && echo three >index.html && git commit --quiet --all --message three")
    result = machine.run("a3")
    assert result.status == "Success", result
    assert "has local changes and is not updated" in result.steps[2].stdout
    assert machine.shell("cat /home/ubuntu/work/vision/index.html") == "mine"


def test_missing_repository_fails_with_advice(machine: Machine) -> None:
    machine.shell("rm -rf /home/ubuntu/work/vision && touch /home/ubuntu/work/vision")
    result = machine.run("a4")
    assert (result.status, result.steps[2].status, result.steps[3].status) == ("Failed", "Failed", "Skipped")
    assert "is not a git checkout. Move it away and run the setup again." in result.steps[2].stderr


def test_root_runs_no_program_of_the_user_and_writes_through_no_link(machine: Machine, recipes: Path) -> None:
    changed(recipes, environment="/home/ubuntu/env", apt=None, git=None, start=None, parameters=None)
    noting = "#!/bin/sh\nid -un >>/home/ubuntu/hands\n"
    for program in ("pip", "python"):
        lines = f"{noting}echo '{{}}'\n" if program == "python" else noting
        machine.shell(f"install -D -m 0755 -o ubuntu /dev/stdin /home/ubuntu/env/bin/{program} <<'X'\n{lines}X")
    machine.shell("chown -R ubuntu: /home/ubuntu/env")
    result = machine.run("a5", recipes / "recipes")
    assert result.status == "Success", result
    assert set(machine.shell("cat /home/ubuntu/hands").split()) == {"ubuntu"}
    kernel = "/usr/local/share/jupyter/kernels/vision/kernel.json"
    assert machine.shell(f"stat -c %U {kernel}; cat {kernel}") == "root\n{}"

    machine.shell("mkdir /srv/roots && rm -rf /home/ubuntu/work && ln -s /srv/roots /home/ubuntu/work")
    result = machine.run("a6")
    assert "/home/ubuntu/work is not a folder of the user ubuntu" in result.steps[2].stderr
    assert machine.shell("stat -c %U /srv/roots") == "root"


def test_example_passes_the_check_and_pins_the_package_versions_of_the_tests() -> None:
    document = compose_custom(VISION, EXAMPLES)
    assert check_document(document) == []
    assert [step["name"] for step in document["mainSteps"]] == ["apt", "pip", "git", "start"]
    assert document["parameters"]["pagePort"]["allowedPattern"] == "^87[0-9]{2}$"
    script = "\n".join(document["mainSteps"][1]["inputs"]["runCommand"])
    for package in ("ipykernel", "psutil"):
        assert f"{package}=={version(package)}" in script


@pytest.fixture
def recipes(tmp_path: Path) -> Path:
    """The data of a desk whose team has the example."""
    for name in ("recipes.json", "recipes.schema.json"):
        shutil.copy(DATA / name, tmp_path)
    shutil.copytree(EXAMPLES, tmp_path / "recipes")
    return tmp_path


def test_documentation_shows_the_example() -> None:
    shown = Path("docs/recipes.md").read_text().partition("```json\n")[2].partition("```")[0]
    assert shown == (EXAMPLES / "vision" / "recipe.json").read_text()


def test_custom_recipes_come_after_those_of_gpudesk(recipes: Path) -> None:
    assert list_custom_document_names(recipes / "recipes") == (VISION,)
    offered = load_recipes(recipes)
    assert list(offered) == [*load_recipes(DATA), "vision"]
    vision, jupyter = offered["vision"], offered["jupyter"]
    assert [use.name for use in vision.documents] == ["gpudesk-probe", "gpudesk-jupyter", VISION]
    assert (vision.extends, vision.jupyter_port, vision.requirements) == ("jupyter", 8888, jupyter.requirements)
    values, _ = resolve_values({"page_port": 8710}, vision.parameters)
    use = vision.fill_documents(values)[-1]
    assert (use.parameters["attemptId"], use.parameters["gpuCount"]) == ("${attempt_id}", "${gpu_count}")
    assert use.parameters["pagePort"] == "8710"
    assert set(vision.parameters) == {*jupyter.parameters, "page_port"}
    document = compose_custom(VISION, recipes / "recipes")
    assert set(use.parameters) == set(document["parameters"])
    limits = sum(int(step["inputs"]["timeoutSeconds"]) for step in document["mainSteps"])
    assert use.timeout == timedelta(seconds=limits)


def changed(recipes: Path, **changes: Any) -> None:
    path = recipes / "recipes" / "vision" / "recipe.json"
    entry = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in entry.items() if value is not None}))


NEVER = {"type": "String", "default": "x", "allowed_pattern": "^.*$", "pattern_description": "any", "description": "D"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"apt": ["jq; id"]}, "apt.0: 'jq; id' does not match"),
        ({"apt": ["--yes"]}, "apt.0"),
        ({"pip": ["torch"]}, "pip.0: 'torch' does not match"),
        ({"pip": ["--index-url=https://example.org"]}, "pip.0"),
        ({"git": [{"url": "https://ada:pw@example.org/r", "ref": "main", "target_dir": "r"}]}, "git.0.url"),
        ({"git": [{"url": "https://example.org/r", "ref": "--upload-pack=id", "target_dir": "r"}]}, "git.0.ref"),
        ({"git": [{"url": "https://example.org/r", "ref": "main", "target_dir": "../r"}]}, "git.0.target_dir"),
        ({"environment": "/opt/../etc"}, "environment"),
        ({"start": "../page.sh"}, "start"),
        ({"start": "missing.sh"}, "missing.sh"),
        ({"titel": "T"}, "titel"),
        ({"extends": None}, "'extends' is a required property"),
        ({"extends": "conda"}, "extends must be one of bare, jupyter"),
        ({"apt": None, "pip": None, "git": None, "start": None}, "recipe.json"),
        ({"parameters": {"hf_token": NEVER | {"allowed_pattern": "^[a-z]$"}}}, "looks like a secret"),
        ({"parameters": {"colour": NEVER}}, r"allowed_pattern '^.*$' might match what a shell interprets"),
        (
            {"parameters": {"gpu_count": NEVER | {"allowed_pattern": "^[a-z]$"}}},
            "rename gpu_count. Recipe jupyter or gpudesk uses the same parameter name",
        ),
    ],
)
def test_invalid_recipe_is_refused_when_its_document_is_composed(
    recipes: Path, changes: dict[str, Any], words: str
) -> None:
    changed(recipes, **changes)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(words)):
        compose_custom(VISION, recipes / "recipes")


def test_start_script_must_pass_the_check(recipes: Path) -> None:
    script = recipes / "recipes" / "vision" / "page.sh"
    script.write_text(script.read_text().replace("set -euo pipefail\n", ""))
    with pytest.raises(ValueError, match="step start lacks set -euo pipefail"):
        compose_custom(VISION, recipes / "recipes")


def test_custom_recipe_with_the_name_of_a_base_recipe_is_refused(recipes: Path) -> None:
    (recipes / "recipes" / "vision").rename(recipes / "recipes" / "bare")
    with pytest.raises(ValueError, match=r"gpudesk ships a recipe with this name"):
        load_recipes(recipes)
