"""Checks that examples, links and test names in the documentation are valid."""

import re
import subprocess
import sys
import textwrap

from tests.e2e.runs import REPOSITORY


def test_python_example_of_local_cloud_runs() -> None:
    document = (REPOSITORY / "docs" / "local-cloud.md").read_text()
    block = document.partition("## In tests")[2].split("\n\n    ", 1)[1].partition("\n\nInstances are")[0]
    code = textwrap.dedent(f"    {block}")
    assert "in_process_cloud" in code
    assert "cloud.tick()" in code
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)


def test_every_relative_link_has_a_target() -> None:
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    for page in pages:
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_named_test_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (REPOSITORY / "docs" / "lessons-from-other-tools.md").read_text()))
    sources = [path.read_text() for path in (REPOSITORY / "tests").rglob("test_*.py")]
    written = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    assert len(named) > 30
    assert named <= written
