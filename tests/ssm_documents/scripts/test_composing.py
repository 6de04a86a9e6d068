"""Documents composed from their sources."""

import hashlib
import re
import shutil
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from chalicelib.domain.instances.before_stop import BEFORE_STOP_DOCUMENT
from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.store.data_files import load_packaged_recipes
from ssm_documents import compose as composing
from ssm_documents.check import MAX_BYTES, to_json
from ssm_documents.compose import list_document_names
from ssm_documents.library import LOADING_LINE, select_functions
from tests.support.documents import PROBE, copy_document, get_lines, read_library


def test_documents_are_those_of_recipes_images_hooks_and_the_benchmark() -> None:
    used = {use.name for packaged_recipe in load_packaged_recipes().values() for use in packaged_recipe.documents}
    assert set(list_document_names()) == used | {"gpudesk-image", BENCHMARK_DOCUMENT, BEFORE_STOP_DOCUMENT}


@pytest.mark.parametrize("name", list_document_names())
def test_marks_that_a_service_depends_on_are_those_of_steps(name: str) -> None:
    document = copy_document(name)
    steps = [step["name"] for step in document["mainSteps"]]
    scripts = "\n".join(line for number in range(len(steps)) for line in get_lines(document, number))
    assert set(re.findall(r"/var/lib/gpudesk/steps/([\w.-]+)", scripts)) <= {f"{name}.{step}" for step in steps}


def test_each_document_is_written_to_a_file_with_its_name_and_always_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    composing.main(tmp_path / "new")
    output = capsys.readouterr().out
    for name in list_document_names():
        content = (tmp_path / "new" / f"{name}.json").read_text(encoding="utf-8")
        assert content == to_json(copy_document(name)), "the document that was composed before"
        assert f"{name}.json: {len(content.encode())} bytes" in output


@pytest.mark.parametrize("name", list_document_names())
def test_each_step_begins_with_fallback_lines_for_agents_without_env_var(name: str) -> None:
    document = copy_document(name)
    for step in document["mainSteps"]:
        shebang, values, exporting, *_ = step["inputs"]["runCommand"]
        assert shebang == "#!/usr/bin/env bash"
        assert values == "for p in " + " ".join(f"{name}='{{{{ {name} }}}}'" for name in document["parameters"])
        script = f"SSM_attemptId=; {values.replace('{{ ', '').replace(' }}', '')}\n{exporting}; declare -p ${{!SSM_@}}"
        output = subprocess.run(["bash", "-uc", script], capture_output=True, text=True, check=True).stdout
        exported = {f'declare -x SSM_{name}="{name}"' for name in [*document["parameters"]][1:]}
        assert set(output.splitlines()) == {'declare -- SSM_attemptId=""', *exported}, "an empty value stays"


def read_variable(step: dict[str, Any], what: str) -> str:
    """Return a variable that composing sets at the beginning of the script."""
    (line,) = [each for each in step["inputs"]["runCommand"] if each.startswith(f"GPUDESK_{what}=")]
    return str(line.partition("=")[2].strip("'"))


def test_step_has_its_position_its_parameters_and_whether_it_always_runs() -> None:
    inspect, install, start = copy_document(PROBE)["mainSteps"]
    assert [read_variable(step, "POSITION") for step in (inspect, install, start)] == ["1 of 3", "2 of 3", "3 of 3"]
    assert [read_variable(step, "ALWAYS") for step in (inspect, install, start)] == ["1", "", "1"]
    assert "always" not in inspect["inputs"]
    assert [read_variable(step, "STEP_PARAMETERS") for step in (inspect, install)] == ["gpuCount gpuName", ""]
    assert read_variable(start, "STEP_PARAMETERS") == "gpuCount heartbeatKey heartbeatTable heartbeatRegion", (
        "the attempt id is not a parameter of the step"
    )
    assert read_variable(inspect, "SCRIPT_HASH") != read_variable(start, "SCRIPT_HASH")


@pytest.mark.parametrize("name", ["gpudesk-d2l-mxnet", "gpudesk-d2l-pytorch", "gpudesk-jupyter", PROBE])
def test_step_that_starts_a_service_runs_in_every_attempt(name: str) -> None:
    document = copy_document(name)
    start = document["mainSteps"][-1]
    lines = [*start["inputs"]["runCommand"], *read_library(document).splitlines()]
    assert any(line.strip().startswith("start_service ") for line in lines)
    assert read_variable(start, "ALWAYS") == "1"


def test_step_has_only_the_library_functions_that_it_uses() -> None:
    library = """# comment
start() {
  # comment
  step
}

step() {
  retry 3 true
}
retry() {
  "$@"
}
unused() {
  retry 2 true
}
start
"""
    used = 'start() {\n  step\n}\nstep() {\n  retry 3 true\n}\nretry() {\n  "$@"\n}\nstart'
    assert select_functions(library, "true") == used.splitlines()
    assert select_functions(library.replace("\nstart\n", "\n"), "unused")[-3:] == ["unused() {", "  retry 2 true", "}"]
    assert select_functions(library.replace("\nstart\n", "\n"), "retrying") == []


def test_no_placeholder_is_left_in_a_script() -> None:
    for name in list_document_names():
        for step in copy_document(name)["mainSteps"]:
            lines = step["inputs"]["runCommand"]
            assert not [line for line in lines if re.fullmatch(r"@@[a-z_.-]+@@", line) or "source include:" in line]


def test_advice_of_a_script_does_not_say_to_run_the_setup_again() -> None:
    """Gpudesk runs a failed document again, and says it where a person has to do it."""
    for path in Path(composing.__file__).parent.rglob("*.sh"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not re.search(r"(fail|gpudesk:) .*setup again", line), path.name


def test_root_runs_no_program_that_a_user_may_have_written() -> None:
    """Each such line begins with as_ubuntu or as_owner. Only root can write the environment of the probe."""
    command = re.compile(r"""(?:^|\$\(|&&|\|\||;|\bif|!|\bretry \d+)\s*"?[$/]\S*/bin/(?:python|pip|conda)\b""")
    for script in sorted(Path(composing.__file__).parent.rglob("*.sh")):
        named = re.sub(r"=\([^)]*\)", "", script.read_text(encoding="utf-8"))
        for line in named.splitlines():
            assert not command.search(line.replace("/opt/gpudesk/probe/bin/", "")), f"{script.name}: {line}"


PYTHON_COMMAND = re.compile(
    r"(?:[/$][\w./\"@-]*/|\b)python3?\"? (?!-I )(?:-|\"\$PROGRAM|\S+\.pyz)|\bbin/pip\b(?!\" \])"
)
OTHER_COMMANDS = re.compile(r"uv\"? .*python |as_ubuntu \S+ --version|--python \S+")


def test_python_takes_no_modules_from_the_folders_of_users() -> None:
    """A file named random.py in the home folder, or calendar.py in Jupyter's folder, would replace Python's own."""
    folder = Path(composing.__file__).parent
    for path in sorted([*folder.rglob("*.sh"), *folder.rglob("*.service"), *Path("examples").rglob("*.sh")]):
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.lstrip().startswith("#"):
                assert not PYTHON_COMMAND.search(OTHER_COMMANDS.sub("", line)), f"{path}: {line}"


def run_shellcheck(*arguments: str | Path) -> str:
    program = shutil.which("shellcheck", path=Path(sys.executable).parent)
    assert program is not None
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False).stdout


def test_composed_scripts_are_shellcheck_clean(tmp_path: Path) -> None:
    files = []
    for name in list_document_names():
        for step in copy_document(name)["mainSteps"]:
            files.append(tmp_path / f"{name}-{step['name']}.sh")
            # The fallback line contains a placeholder, which SSM replaces before bash reads the line.
            script = "\n".join(step["inputs"]["runCommand"]).replace("{{ ", "").replace(" }}", "")
            files[-1].write_text(script.replace(LOADING_LINE, "") + "\n", encoding="utf-8")
    # SC2034: the library uses variables that seem unused in the step.
    assert run_shellcheck("--exclude=SC2034", *files) == ""


def test_library_of_a_document_is_shellcheck_clean(tmp_path: Path) -> None:
    """`make shellcheck` checks the files of the libraries. This one also has a step of the document."""
    library = tmp_path / "library.sh"
    library.write_text("#!/usr/bin/env bash\n" + read_library(copy_document(PROBE)), encoding="utf-8")
    assert run_shellcheck("--exclude=SC2154,SC2034,SC2329,SC2317", library) == ""


@pytest.mark.parametrize("name", list_document_names())
def test_step_knows_its_time_limit_and_the_step_before_it(name: str) -> None:
    previous = ""
    for step in copy_document(name)["mainSteps"]:
        timeout = int(step["inputs"]["timeoutSeconds"])
        assert timeout - 30 <= int(read_variable(step, "TIME_LIMIT")) < timeout
        assert read_variable(step, "PREVIOUS") == previous
        previous = step["name"]


@pytest.mark.parametrize("name", list_document_names())
def test_only_the_first_step_carries_the_library(name: str) -> None:
    document = copy_document(name)
    library = read_library(document)
    digest = hashlib.sha256(library.encode()).hexdigest()
    assert "gpudesk_supervise() {" in library
    for step in document["mainSteps"]:
        lines = step["inputs"]["runCommand"]
        assert f"GPUDESK_LIBRARY=/var/lib/gpudesk/library/{digest}.sh" in lines
        assert not any("gpudesk_supervise" in line for line in lines)
        assert ("LIBRARY" in lines) == (step is document["mainSteps"][0])


def test_compressed_step_is_a_function_of_the_library() -> None:
    document = copy_document(PROBE)
    for number, name in ((0, "inspect"), (2, "start")):
        assert get_lines(document, number)[-2:] == [LOADING_LINE, f"gpudesk_run_{name}"]
        assert f"gpudesk_run_{name}() {{\n" in read_library(document)
        assert "set -euo pipefail" in get_lines(document, number)
    assert "\nUNIT\n" in read_library(document), "a here-document in a function"


def test_probe_document_has_room_for_what_is_to_come() -> None:
    assert len(to_json(copy_document(PROBE)).encode()) <= MAX_BYTES - 16 * 1024


@pytest.mark.parametrize("name", list_document_names())
@pytest.mark.parametrize("hostile", ["a'b", 'a"b', "$(id)", "`id`", "a\\b", "a\nb", "a;id", "a b", "", "x" * 300])
def test_no_parameter_accepts_shell_metacharacters(name: str, hostile: str) -> None:
    for parameter, entry in copy_document(name)["parameters"].items():
        is_default = entry.get("default") == hostile
        assert is_default or re.fullmatch(entry["allowedPattern"], hostile) is None, parameter


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("attemptId", "gd-01j9zk.3"),
        ("gpuCount", "16"),
        ("heartbeatKey", "AROAEXAMPLEEXAMPLE:i-0123456789abcdef0"),
        ("heartbeatTable", "gpudesk-dev-heartbeats"),
        ("heartbeatRegion", "ap-southeast-3"),
        ("heartbeatRegion", "us-gov-west-1"),
        ("proxy", ""),
        ("proxy", "http://proxy.example.org:3128"),
        ("pipIndex", "https://index.example.org/root/pypi/+simple/"),
    ],
)
def test_values_that_gpudesk_passes_are_accepted(parameter: str, value: str) -> None:
    assert re.fullmatch(copy_document(PROBE)["parameters"][parameter]["allowedPattern"], value)


def find_all_requirements(*packages: str) -> set[str]:
    """Return the packages and all their requirements, as installed here, without extras."""
    found, wanted = set(), list(packages)
    while wanted:
        package = wanted.pop()
        if package not in found:
            found.add(package)
            needs = [Requirement(each) for each in requires(package) or ()]
            wanted += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def test_instance_installs_exactly_the_package_versions_of_the_tests() -> None:
    script = "\n".join(get_lines(copy_document(PROBE), 1))
    (packages,) = re.findall(r"PACKAGES=\(([^)]*)\)", script)
    pinned = dict(package.split("==") for package in packages.split())
    needed = find_all_requirements("boto3", "psutil", "nvidia-ml-py")
    assert pinned == {package: version(package) for package in needed}
    script = "\n".join(get_lines(copy_document("gpudesk-jupyter"), 0))
    for package in ("jupyterlab", "jupyterlab-notifications-extension"):
        assert f"{package}=={version(package)}" in script
