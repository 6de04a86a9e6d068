"""Checks that examples, links, files, endpoints, targets and test names in the documentation are valid."""

import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from chalicelib.api.openapi import build_openapi
from tests.e2e.runs import REPOSITORY

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "CONTRIBUTING.md",
    *sorted((REPOSITORY / "docs").rglob("*.md")),
]
ROOTS = ("", "chalicelib", "chalicelib/domain/instances", "ssm_documents")
"""Folders that the documentation leaves out at the beginning of a path."""

EXAMPLE = re.compile(r"[A-Z]{3}|\*|^work/|^build/")
"""Part of a path that is a placeholder (`api/RESOURCE/routes.py`), a folder on an instance, or written by `make`."""

NOT_IMPLEMENTED = {("POST", "/tokens")}


def test_python_example_of_local_cloud_runs() -> None:
    document = (REPOSITORY / "docs" / "local-cloud.md").read_text()
    block = document.partition("## In tests")[2].split("\n\n    ", 1)[1].partition("\n\nInstances are")[0]
    code = textwrap.dedent(f"    {block}")
    assert "in_process_cloud" in code
    assert "cloud.tick()" in code
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)


def test_every_relative_link_has_a_target() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (REPOSITORY / "docs" / "lessons-from-other-tools.md").read_text()))
    sources = [path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py")]
    written = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    assert len(named) > 30
    assert named <= written


def test_every_named_file_exists() -> None:
    missing = [f"{page.name}: {path}" for page in PAGES for path in _list_paths(page) if not _exists(path)]
    assert missing == []


def test_every_named_endpoint_exists() -> None:
    operations = {(method.upper(), path) for path, item in build_openapi()["paths"].items() for method in item}
    named = {(page.name, *endpoint) for page in PAGES for endpoint in _list_endpoints(page)}
    assert len(named) > 40
    assert [each for each in sorted(named) if each[1:] not in operations | NOT_IMPLEMENTED] == []


def test_every_named_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for page in PAGES for name in re.findall(r"(?:`|^    )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    assert len(named) > 10
    assert named <= targets


def _list_paths(page: Path) -> Iterator[str]:
    """Yield the paths in backticks, with `{a,b}.py` as two paths."""
    for code in re.findall(r"`([\w.][\w./{},*-]*/[\w./{},*-]*)`", page.read_text()):
        choices = re.search(r"\{(.*)\}", code)
        names = choices[1].split(",") if choices else [""]
        paths = (code.replace(choices[0], name) if choices else code for name in names)
        yield from (path for path in paths if not EXAMPLE.search(path))


def _exists(path: str) -> bool:
    return any((REPOSITORY / root / path).exists() for root in ROOTS)


def _list_endpoints(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the method and path of each endpoint, with the names of examples replaced by those of the parameters."""
    for method, path in re.findall(r"\b(GET|POST|PATCH|DELETE) (/(?!_local)[\w/{}.-]*\w}?)", page.read_text()):
        generic = re.sub(r"^/instances/(?!adopt$)[^/]+", "/instances/{name}", path)
        generic = re.sub(r"^/owners/[^/]+", "/owners/{owner}", generic)
        yield method, re.sub(r"^/images/[^/]+", "/images/{image}", generic)
