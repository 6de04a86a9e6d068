"""The probe inside gpudesk-probe: the packed text, the zipapp, and its minified modules."""

import ast
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ssm_documents.minify import minify
from tests.support.documents import build_zipapp, read_packed_probe


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


def test_zipapp_contains_the_self_stop_rule_of_gpudesk(zipapp: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(zipapp)) as archive:
        names = {name for name in archive.namelist() if name.startswith("chalicelib/domain/idle/")}
        assert {f"chalicelib/domain/idle/{module}.py" for module in ("evidence", "rule", "self_stop")} <= names
        for name in names:
            assert archive.read(name).decode() == minify(Path(name).read_text(encoding="utf-8")), name


def test_packed_probe_has_no_character_with_a_meaning_in_json_or_ssm() -> None:
    packed = read_packed_probe()
    assert json.dumps(packed.splitlines()[0], ensure_ascii=False) == f'"{packed.splitlines()[0]}"'
    assert not set(packed) & set('"\\ {')


def test_minified_source_has_only_what_the_instance_needs() -> None:
    source = '''"""Docstring of the module."""

from collections.abc import Iterator
from dataclasses import dataclass, field  # comment

LIMIT: int = 3
"""Docstring of a constant."""
_PRIVATE_LIMIT = 4


@dataclass
class Reading:
    """Docstring of a class."""

    value: int | None
    text: str = ""

    def add(self, first: int, *others: "Reading") -> Iterator[int]:
        """Docstring of a function."""
        total: int = first
        message = f"{total} of {first}"
        try:
            count = sum(other.value for other in others)
        except ValueError as error:
            return error
        return call(count=count, message=message, error=error)


def outer():
    """Docstring of a function that has nothing else."""


def keep():
    value = _find_limit()
    return lambda: value


def _find_limit():
    return _PRIVATE_LIMIT
'''
    assert (
        minify(source)
        == """\
from dataclasses import dataclass
LIMIT = 3
_A = 4

@dataclass
class Reading:
\tvalue: 0
\ttext: 0 = ''

\tdef add(self, first, *others):
\t\ta = first
\t\tb = f'{a} of {first}'
\t\ttry:
\t\t\tc = sum((d.value for d in others))
\t\texcept ValueError as error:
\t\t\treturn error
\t\treturn call(count=c, message=b, error=error)

def outer():
\tpass

def keep():
\tvalue = _a()
\treturn lambda: value

def _a():
\treturn _A
"""
    )


def test_minified_dataclass_keeps_the_annotations_with_a_meaning() -> None:
    source = """\
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import ClassVar

@dataclass
class Rule:
    limit: ClassVar[int] = 3
    seconds: InitVar[float] = 1.0
    _: KW_ONLY
    name: str = ''
"""
    assert minify(source) == source.replace("name: str", "name: 0").replace("    ", "\t")


@pytest.mark.parametrize("path", sorted(Path("chalicelib/domain/idle").glob("[a-z]*.py")), ids=str)
def test_minified_source_has_the_same_names_and_calls(path: Path) -> None:
    """Local variables, private constants and private functions are the only names that change."""
    source = path.read_text(encoding="utf-8")
    assert list_names(ast.parse(minify(source))) == list_names(ast.parse(source))


def list_names(tree: ast.Module) -> list[tuple[str, ...]]:
    """Return functions with their parameters, classes with their fields, and attributes that code uses, in order."""
    names: list[tuple[str, ...]] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name):
                shown = "_" if node in tree.body and name.startswith("_") else name
                parameters = (argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg))
                names.append((shown, *parameters))
            case ast.ClassDef(name=name, body=body):
                names.append((name, *(ast.unparse(each.target) for each in body if isinstance(each, ast.AnnAssign))))
            case ast.Call(func=ast.Attribute(attr=name), keywords=keywords):
                names.append((name, *(keyword.arg or "**" for keyword in keywords)))
    return sorted(names)
