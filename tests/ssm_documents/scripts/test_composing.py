"""Documents composed from their sources."""

import json
import re
import shutil
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.store.data_files import load_packaged_recipes
from ssm_documents import compose as composing
from ssm_documents.check import to_json
from ssm_documents.compose import compose, list_document_names
from ssm_documents.library import select_functions
from tests.support.documents import PROBE, copy_document, get_lines


def test_documents_are_those_of_recipes_images_and_the_benchmark() -> None:
    used = {use.name for packaged_recipe in load_packaged_recipes().values() for use in packaged_recipe.documents}
    assert set(list_document_names()) == used | {"gpudesk-image", BENCHMARK_DOCUMENT}


@pytest.mark.parametrize("name", list_document_names())
def test_composing_twice_gives_the_same_bytes(name: str) -> None:
    assert to_json(compose(name)) == to_json(copy_document(name))


def test_each_document_is_written_to_a_file_with_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    composing.main(tmp_path / "new")
    output = capsys.readouterr().out
    for name in list_document_names():
        content = (tmp_path / "new" / f"{name}.json").read_text(encoding="utf-8")
        assert json.loads(content) == copy_document(name)
        assert f"{name}.json: {len(content.encode())} bytes" in output


@pytest.mark.parametrize("name", list_document_names())
def test_each_step_begins_with_fallback_lines_for_agents_without_env_var(name: str) -> None:
    document = copy_document(name)
    for step in document["mainSteps"]:
        shebang, *rest = step["inputs"]["runCommand"]
        assert shebang == "#!/usr/bin/env bash"
        for parameter, line in zip(document["parameters"], rest, strict=False):
            value = "'{{ " + parameter + " }}'"
            assert line == f'if [ -z "${{SSM_{parameter}+x}}" ]; then export SSM_{parameter}={value}; fi'


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
    start = copy_document(name)["mainSteps"][-1]
    assert any(line.strip().startswith("start_service ") for line in start["inputs"]["runCommand"])
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
        text = to_json(copy_document(name))
        assert "@@" not in text
        assert "source include:" not in text


def test_root_runs_no_program_that_a_user_may_have_written() -> None:
    """Each such line begins with as_ubuntu or as_owner. Only root can write the environment of the probe."""
    command = re.compile(r"""(?:^|\$\(|&&|\|\||;|\bif|!|\bretry \d+)\s*"?[$/]\S*/bin/(?:python|pip|conda)\b""")
    for script in sorted(Path(composing.__file__).parent.glob("*/*.sh")):
        named = re.sub(r"=\([^)]*\)", "", script.read_text(encoding="utf-8"))
        for line in named.splitlines():
            assert not command.search(line.replace("/opt/gpudesk/probe/bin/", "")), f"{script.name}: {line}"


@pytest.mark.parametrize("name", list_document_names())
def test_composed_scripts_are_shellcheck_clean(name: str, tmp_path: Path) -> None:
    document = copy_document(name)
    files = []
    for step in document["mainSteps"]:
        files.append(tmp_path / f"{step['name']}.sh")
        # The fallback line contains a placeholder, which SSM replaces before bash reads the line.
        script = "\n".join(step["inputs"]["runCommand"]).replace("{{ ", "").replace(" }}", "")
        files[-1].write_text(script + "\n", encoding="utf-8")
    shellcheck = shutil.which("shellcheck", path=Path(sys.executable).parent)
    assert shellcheck is not None
    result = subprocess.run([shellcheck, *files], capture_output=True, text=True, check=False)
    assert result.stdout == ""


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
