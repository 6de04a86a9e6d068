"""The probe inside gpudesk-probe: the packed text, the zipapp, and its minified modules."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ssm_documents.embed import build_zipapp, pack_probe, pack_source
from ssm_documents.minify import minify
from ssm_documents.shorten import shorten_names
from tests.support.documents import PROBE, copy_document, get_lines


@pytest.fixture(scope="module")
def zipapp() -> bytes:
    return build_zipapp()


def test_zipapp_does_not_depend_on_the_dates_of_its_files(zipapp: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(zipapp)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())


def test_embedded_probe_runs_by_itself(zipapp: bytes, tmp_path: Path) -> None:
    program = tmp_path / "probe.pyz"
    program.write_bytes(zipapp)
    isolated = [sys.executable, "-I", str(program), "--version"]
    result = subprocess.run(isolated, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert result.stdout.strip() == "gpudesk probe 2"
    assert pack_probe() in "\n".join(get_lines(copy_document(PROBE), 1))


def test_zipapp_contains_the_self_stop_rule_of_gpudesk(zipapp: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(zipapp)) as archive:
        names = {name for name in archive.namelist() if name.startswith("chalicelib/domain/idle/")}
        assert {f"chalicelib/domain/idle/{module}.py" for module in ("evidence", "rule", "self_stop")} <= names
        for name in names:
            assert archive.read(name).decode() == pack_source(Path(name)), name


def test_packed_probe_has_no_character_with_a_meaning_in_json_or_ssm() -> None:
    packed = pack_probe()
    assert json.dumps(packed.splitlines()[0], ensure_ascii=False) == f'"{packed.splitlines()[0]}"'
    assert not set(packed) & set('"\\ {')


@pytest.mark.parametrize("path", sorted(Path("chalicelib/domain/idle").glob("[a-z]*.py")), ids=str)
def test_minified_source_has_the_same_code_on_the_same_lines(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    bare = minify(source)
    assert ast.dump(remove_docstrings_and_annotations(bare)) == ast.dump(remove_docstrings_and_annotations(source))
    for original, minified in zip(source.splitlines(), bare.splitlines(), strict=True):
        if original.strip().startswith(("return ", "if ", "import ", "from ")):
            assert minified.strip() == original.partition("  #")[0].strip()


class DocstringAndAnnotationRemover(ast.NodeTransformer):
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


def remove_docstrings_and_annotations(source: str) -> ast.AST:
    tree: ast.AST = DocstringAndAnnotationRemover().visit(ast.parse(source))
    return tree


def test_minified_source_keeps_the_annotations_that_dataclasses_need() -> None:
    source = (
        "class A:\n    x: int = 1\n    y: str\n\n"
        "def f(a: int, *b: str, c: int = 2) -> int:\n    d: int = a\n    return d\n"
    )
    bare = "class A:\n    x: int = 1\n    y: str\n\ndef f(a, *b, c = 2):\n    d = a\n    return d\n"
    assert minify(source) == bare


def test_only_local_variables_get_short_names() -> None:
    source = """\
def add(first, *others):
    total = first
    text = f"{total}"
    try:
        count = sum(other.count for other in others)
    except ValueError as error:
        return error
    return call(count=count, text=text, total=total)

def outer():
    value = 1
    return lambda: value
"""
    shortened = source.replace("text = f", "a = f").replace("text=text", "text=a").replace("count = sum", "b = sum")
    shortened = shortened.replace("count=count", "count=b").replace("other.count for other in", "c.count for c in")
    assert shorten_names(source) == shortened
