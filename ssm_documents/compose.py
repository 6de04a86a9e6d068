"""Documents from their sources: a folder each, with a header (document.json) and scripts that are files of their own.

    python -m ssm_documents.compose FOLDER

writes each as FOLDER/NAME.json. In a script, `source include:FILE` stands for a file of lib/, and a line @@FILE@@ for a
file beside it (or for the probe, probe.pyz, in base64).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ssm_documents.check import as_json, check, fallback_line
from ssm_documents.embed import as_base64, probe_zipapp
from ssm_documents.session_documents import session_document, session_names

_SOURCES = Path(__file__).parent
_INCLUDE = re.compile(r"source include:(?P<file>[a-z_.-]+)")
_EMBED = re.compile(r"@@(?P<file>[a-z_.-]+)@@")


def document_names() -> tuple[str, ...]:
    """Every document that there is a folder for, sorted."""
    return tuple(sorted(header.parent.name for header in _SOURCES.glob("*/document.json")))


def compose(name: str) -> dict[str, Any]:
    """The document, ready for CreateDocument (`as_json` makes its content).

    :raises FileNotFoundError: there is none of that name, or a file that it names is missing
    :raises ValueError: it breaks a rule of check.py
    """
    document: dict[str, Any] = json.loads((_SOURCES / name / "document.json").read_text(encoding="utf-8"))
    parameters = tuple(document["parameters"])
    for step in document["mainSteps"]:
        script = _SOURCES / name / step["inputs"].pop("script")
        step["inputs"].pop("always", None)
        step["inputs"]["runCommand"] = _script(script, name, step["name"], parameters)
    problems = check(document)
    if problems:
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return document


def _script(path: Path, document: str, step: str, parameters: tuple[str, ...]) -> list[str]:
    """The whole script of a step: parameters first, then who it is, then the file with everything put in."""
    shebang, *body = path.read_text(encoding="utf-8").splitlines()
    return [
        shebang,
        *(fallback_line(parameter) for parameter in parameters),
        f"GPUDESK_DOCUMENT='{document}'",
        f"GPUDESK_STEP='{step}'",
        *(line for source in body for line in _expand(source, path.parent)),
    ]


def _expand(line: str, folder: Path) -> Iterator[str]:
    if include := _INCLUDE.fullmatch(line):
        yield from (_SOURCES / "lib" / include["file"]).read_text(encoding="utf-8").splitlines()
    elif embed := _EMBED.fullmatch(line):
        yield from _embedded(embed["file"], folder).splitlines()
    else:
        yield line


def _embedded(file: str, folder: Path) -> str:
    if file == "probe.pyz":
        return as_base64(probe_zipapp())
    return (folder / file).read_text(encoding="utf-8")


def main(folder: Path) -> None:
    """Write all documents, those of sessions too."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {name: compose(name) for name in document_names()}
    for name, document in {**documents, **{name: session_document(name) for name in session_names()}}.items():
        target = folder / f"{name}.json"
        content = as_json(document)
        target.write_text(content, encoding="utf-8")
        print(f"{target}: {len(content.encode())} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
