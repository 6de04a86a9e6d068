"""Documents composed from their sources, and the rules that they are checked against."""

import ast
import functools
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from chalicelib.domain.instances.commands.start_benchmark import BENCHMARK_DOCUMENT
from chalicelib.store.data_files import load_packaged_recipes
from ssm_documents import compose as composing
from ssm_documents.check import SHELL_METACHARACTERS, check_document, to_json
from ssm_documents.compose import compose, list_document_names
from ssm_documents.embed import build_zipapp, pack_probe
from ssm_documents.library import select_functions
from ssm_documents.minify import minify

Document = dict[str, Any]
PROBE = "gpudesk-probe"


@functools.cache
def _content(name: str) -> str:
    return to_json(compose(name))


def composed(name: str) -> Document:
    """The document, to be read or spoiled: most tests can do with one that was composed for all of them."""
    document: Document = json.loads(_content(name))
    return document


def lines(document: Document, step: int) -> list[str]:
    commands: list[str] = document["mainSteps"][step]["inputs"]["runCommand"]
    return commands


def test_documents_are_those_of_recipes_images_and_the_benchmark() -> None:
    used = {use.name for packaged_recipe in load_packaged_recipes().values() for use in packaged_recipe.documents}
    assert set(list_document_names()) == used | {"gpudesk-image", BENCHMARK_DOCUMENT}


@pytest.mark.parametrize("name", list_document_names())
def test_every_document_passes_the_check(name: str) -> None:
    assert check_document(composed(name)) == []


@pytest.mark.parametrize("name", list_document_names())
def test_composing_twice_gives_the_same_bytes(name: str) -> None:
    assert to_json(compose(name)) == to_json(compose(name))


def test_zipapp_does_not_depend_on_the_dates_of_its_files() -> None:
    with zipfile.ZipFile(io.BytesIO(build_zipapp())) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def test_each_document_is_written_to_a_file_with_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    composing.main(tmp_path / "new")
    output = capsys.readouterr().out
    for name in list_document_names():
        content = (tmp_path / "new" / f"{name}.json").read_text(encoding="utf-8")
        assert json.loads(content) == composed(name)
        assert f"{name}.json: {len(content.encode())} bytes" in output


@pytest.mark.parametrize("name", list_document_names())
def test_each_step_begins_with_fallback_lines_for_agents_without_env_var(name: str) -> None:
    document = composed(name)
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
    inspect, install, start = compose(PROBE)["mainSteps"]
    assert [read_variable(step, "POSITION") for step in (inspect, install, start)] == ["1 of 3", "2 of 3", "3 of 3"]
    assert [read_variable(step, "ALWAYS") for step in (inspect, install, start)] == ["1", "", "1"]
    assert "always" not in inspect["inputs"]
    assert [read_variable(step, "STEP_PARAMETERS") for step in (inspect, install)] == ["gpuCount", ""]
    assert read_variable(start, "STEP_PARAMETERS") == "gpuCount heartbeatKey heartbeatTable heartbeatRegion", (
        "and no attempt's id"
    )
    assert read_variable(inspect, "SCRIPT_HASH") != read_variable(start, "SCRIPT_HASH")


def test_step_has_only_the_library_functions_that_it_uses() -> None:
    library = """# words
start() {
  # words
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
        text = to_json(composed(name))
        assert "@@" not in text
        assert "source include:" not in text


def test_root_runs_no_program_that_a_user_may_have_written() -> None:
    """Each begins with as_ubuntu, as_owner and the like; the probe's environment alone is nobody's but root's."""
    command = re.compile(r"""(?:^|\$\(|&&|\|\||;|\bif|!|\bretry \d+)\s*"?[$/]\S*/bin/(?:python|pip|conda)\b""")
    for script in sorted(Path(composing.__file__).parent.glob("*/*.sh")):
        named = re.sub(r"=\([^)]*\)", "", script.read_text(encoding="utf-8"))
        for line in named.splitlines():
            assert not command.search(line.replace("/opt/gpudesk/probe/bin/", "")), f"{script.name}: {line}"


@pytest.mark.parametrize("name", list_document_names())
def test_composed_scripts_are_shellcheck_clean(name: str, tmp_path: Path) -> None:
    document = composed(name)
    files = []
    for step in document["mainSteps"]:
        files.append(tmp_path / f"{step['name']}.sh")
        # The fallback line holds a placeholder, which SSM has replaced before bash sees it.
        script = "\n".join(step["inputs"]["runCommand"]).replace("{{ ", "").replace(" }}", "")
        files[-1].write_text(script + "\n", encoding="utf-8")
    shellcheck = shutil.which("shellcheck", path=Path(sys.executable).parent)
    assert shellcheck is not None
    result = subprocess.run([shellcheck, *files], capture_output=True, text=True, check=False)
    assert result.stdout == ""


@pytest.mark.parametrize("name", list_document_names())
@pytest.mark.parametrize("hostile", ["a'b", 'a"b', "$(id)", "`id`", "a\\b", "a\nb", "a;id", "a b", "", "x" * 300])
def test_no_parameter_accepts_shell_metacharacters(name: str, hostile: str) -> None:
    for parameter, entry in composed(name)["parameters"].items():
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
    assert re.fullmatch(composed(PROBE)["parameters"][parameter]["allowedPattern"], value)


def no_pattern(document: Document) -> None:
    del document["parameters"]["gpuCount"]["allowedPattern"]


def loose_pattern(document: Document) -> None:
    document["parameters"]["gpuCount"]["allowedPattern"] = "^.*$"


def no_parameter_description(document: Document) -> None:
    document["parameters"]["gpuCount"]["description"] = ""


def no_environment(document: Document) -> None:
    del document["parameters"]["gpuCount"]["interpolationType"]


def list_parameter(document: Document) -> None:
    document["parameters"]["gpuCount"]["type"] = "StringList"


def no_attempt(document: Document) -> None:
    del document["parameters"]["attemptId"]


def other_schema(document: Document) -> None:
    document["schemaVersion"] = "1.2"


def no_description(document: Document) -> None:
    document["description"] = ""


def too_large(document: Document) -> None:
    lines(document, 0).extend(["# padding"] * 10_000)


def same_name(document: Document) -> None:
    document["mainSteps"][1]["name"] = "inspect"


def odd_name(document: Document) -> None:
    document["mainSteps"][1]["name"] = "a b"


def other_action(document: Document) -> None:
    document["mainSteps"][0]["action"] = "aws:softwareInventory"


def goes_on_after_failure(document: Document) -> None:
    document["mainSteps"][0]["onFailure"] = document["mainSteps"][0]["inputs"].pop("onFailure")


def no_limit(document: Document) -> None:
    del document["mainSteps"][0]["inputs"]["timeoutSeconds"]


def short_limit(document: Document) -> None:
    document["mainSteps"][0]["inputs"]["timeoutSeconds"] = "4"


def no_shebang(document: Document) -> None:
    lines(document, 0)[0] = "#!/bin/sh"


def no_fallback(document: Document) -> None:
    del lines(document, 0)[1]


def no_strictness(document: Document) -> None:
    lines(document, 0).remove("set -euo pipefail")


def spliced(document: Document) -> None:
    lines(document, 0).append("echo {{ gpuCount }}")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (no_pattern, "parameter gpuCount has no allowedPattern"),
        (loose_pattern, "allowedPattern of parameter gpuCount accepts"),
        (no_parameter_description, "parameter gpuCount has no description"),
        (no_environment, "parameter gpuCount is not passed as an environment variable"),
        (list_parameter, "parameter gpuCount is not of type String"),
        (no_attempt, "there is no parameter attemptId"),
        (other_schema, "schemaVersion is not 2.2"),
        (no_description, "the document has no description"),
        (too_large, "bytes, the limit of SSM is 65536"),
        (same_name, "two steps have the same name"),
        (odd_name, "SSM does not accept the step name 'a b'"),
        (other_action, "step inspect is not a shell script"),
        (goes_on_after_failure, "step inspect does not stop the document when it fails"),
        (no_limit, "step inspect has no timeoutSeconds"),
        (short_limit, "step inspect has no timeoutSeconds"),
        (no_shebang, "step inspect does not begin with the shebang of bash"),
        (no_fallback, "step inspect does not begin with the fallback line"),
        (no_strictness, "step inspect lacks set -euo pipefail"),
        (spliced, "step inspect inserts a parameter into its script"),
    ],
)
def test_check_names_the_rule_that_a_document_breaks(spoil: Callable[[Document], None], problem: str) -> None:
    document = composed(PROBE)
    spoil(document)
    assert any(problem in each for each in check_document(document))


@pytest.mark.parametrize("character", SHELL_METACHARACTERS)
def test_check_finds_a_pattern_that_accepts_one_metacharacter(character: str) -> None:
    document = composed(PROBE)
    escaped = "\\" + character if character != "\n" else "\\n"
    document["parameters"]["gpuCount"]["allowedPattern"] = f"^[a-z0-9{escaped}-]+$"
    assert any("accepts" in problem for problem in check_document(document))


def test_embedded_probe_runs_by_itself(tmp_path: Path) -> None:
    zipapp = tmp_path / "probe.pyz"
    zipapp.write_bytes(build_zipapp())
    isolated = [sys.executable, "-I", str(zipapp), "--version"]
    result = subprocess.run(isolated, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout.strip() == "gpudesk probe 2"
    assert pack_probe() in "\n".join(lines(composed(PROBE), 1))


def test_zipapp_contains_the_self_stop_rule_of_gpudesk() -> None:
    with zipfile.ZipFile(io.BytesIO(build_zipapp())) as archive:
        names = {name for name in archive.namelist() if name.startswith("chalicelib/domain/idle/")}
        assert {f"chalicelib/domain/idle/{module}.py" for module in ("evidence", "rule", "self_stop")} <= names
        for name in names:
            source = Path(name).read_text(encoding="utf-8")
            assert archive.read(name).decode() == minify(source), name


def test_packed_probe_has_no_character_with_a_meaning_in_json_or_ssm() -> None:
    packed = pack_probe()
    assert json.dumps(packed.splitlines()[0], ensure_ascii=False) == f'"{packed.splitlines()[0]}"'
    assert not set(packed) & set("\"\\ {@'")


@pytest.mark.parametrize("path", sorted(Path("chalicelib/domain/idle").glob("[a-z]*.py")), ids=str)
def test_minified_source_has_the_same_code_on_the_same_lines(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    bare = minify(source)
    assert ast.dump(without_words_and_annotations(bare)) == ast.dump(without_words_and_annotations(source))
    for original, minified in zip(source.splitlines(), bare.splitlines(), strict=True):
        if original.strip().startswith(("return ", "if ", "import ", "from ")):
            assert minified.strip() == original.partition("  #")[0].strip()


class WithoutWordsAndAnnotations(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        return ast.Assign([node.target], node.value, lineno=node.lineno) if node.value else node


def without_words_and_annotations(source: str) -> ast.AST:
    tree: ast.AST = WithoutWordsAndAnnotations().visit(ast.parse(source))
    return tree


def test_minified_source_keeps_the_annotations_that_dataclasses_need() -> None:
    source = (
        "class A:\n    x: int = 1\n    y: str\n\n"
        "def f(a: int, *b: str, c: int = 2) -> int:\n    d: int = a\n    return d\n"
    )
    bare = "class A:\n    x: int = 1\n    y: str\n\ndef f(a, *b, c = 2):\n    d = a\n    return d\n"
    assert minify(source) == bare


def with_all_that_they_need(*packages: str) -> set[str]:
    """As installed here; what is optional is left out."""
    found, wanted = set(), list(packages)
    while wanted:
        package = wanted.pop()
        if package not in found:
            found.add(package)
            needs = [Requirement(each) for each in requires(package) or ()]
            wanted += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def test_instance_installs_exactly_the_package_versions_of_the_tests() -> None:
    script = "\n".join(lines(composed(PROBE), 1))
    (packages,) = re.findall(r"PACKAGES=\(([^)]*)\)", script)
    pinned = dict(package.split("==") for package in packages.split())
    needed = with_all_that_they_need("boto3", "psutil", "nvidia-ml-py")
    assert pinned == {package: version(package) for package in needed}
    script = "\n".join(lines(composed("gpudesk-jupyter"), 0))
    for package in ("jupyterlab", "jupyterlab-notifications-extension"):
        assert f"{package}=={version(package)}" in script
