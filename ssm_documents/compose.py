"""Documents from their sources: a folder each, with a header (document.json) and scripts that are files of their own.

    python -m ssm_documents.compose FOLDER

writes each as FOLDER/NAME.json. In a script, `source include:FILE` stands for what it uses of a file of lib/, and a
line @@FILE@@ for a file beside it (or for the probe, probe.pyz, in base64). In a header, "include:parameters.json" in
place of a parameter stands for the shared one of that name (parameters.py); beside "script", `"always": true` says that
the step is never skipped, however often it was done: it looks at the machine, or starts a service.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.domain.setup.custom_recipe import CUSTOM_DOCUMENT_PREFIX
from ssm_documents.check import as_json, check, fallback_line
from ssm_documents.embed import as_base64, probe_zipapp
from ssm_documents.library import select_functions
from ssm_documents.own_recipes import CUSTOM_RECIPES_DIR, custom_document_names, write_sources
from ssm_documents.parameters import SHARED, shared
from ssm_documents.session_documents import session_document, session_names

_SOURCES = Path(__file__).parent
_LIBRARY = _SOURCES / "lib"
_INCLUDE = re.compile(r"source include:(?P<file>[a-z_.-]+)")
_EMBED = re.compile(r"@@(?P<file>[a-z_.-]+)@@")


def document_names() -> tuple[str, ...]:
    """Every document that there is a folder for, the teams' own recipes' too, sorted."""
    return tuple(
        sorted([*(header.parent.name for header in _SOURCES.glob("*/document.json")), *custom_document_names()])
    )


def compose(name: str) -> dict[str, Any]:
    """The document, ready for CreateDocument (`as_json` makes its content).

    :raises FileNotFoundError: there is none of that name, or a file that it names is missing
    :raises ValueError: it breaks a rule of check.py, or of a team's own recipe
    """
    if name.startswith(CUSTOM_DOCUMENT_PREFIX):
        return compose_custom(name, CUSTOM_RECIPES_DIR)
    return _compose(name, _SOURCES / name)


def compose_custom(name: str, recipes: Path) -> dict[str, Any]:
    """The document of a team's own recipe.

    :param recipes: the folder of the recipes' folders
    :raises FileNotFoundError, ValueError: as `compose`
    """
    with write_sources(name, recipes) as folder:
        return _compose(name, folder)


def _compose(name: str, folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "document.json").read_text(encoding="utf-8"))
    document["parameters"] = {each: _parameter(each, entry) for each, entry in document["parameters"].items()}
    steps = document["mainSteps"]
    for number, step in enumerate(steps, start=1):
        inputs = step["inputs"]
        who = _Who(name, step["name"], f"{number} of {len(steps)}", inputs.pop("always", False))
        inputs["runCommand"] = _script(folder / inputs.pop("script"), who, tuple(document["parameters"]))
    problems = check(document)
    if problems:
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return document


@dataclass(frozen=True)
class _Who:
    """What lib/prelude.sh is told of its step."""

    document: str
    step: str
    position: str
    always: bool


def _parameter(name: str, entry: Any) -> Any:
    return shared()[name] if entry == SHARED else entry


def _script(path: Path, who: _Who, parameters: tuple[str, ...]) -> list[str]:
    """The whole script of a step: parameters first, then who it is, then the file with everything put in.

    Of the step's mark: any change of the text makes another hash, and so do the values of the parameters that the file
    reads; those that the prelude reads (who asks, and by which way packages come) do not.
    """
    shebang, *sources = path.read_text(encoding="utf-8").splitlines()
    own = [line for source in sources for line in _embed(source, path.parent)]
    body = _include_all(own)
    reads = [name for name in parameters if re.search(rf"\bSSM_{name}\b", "\n".join(own))]
    return [
        shebang,
        *(fallback_line(parameter) for parameter in parameters),
        f"GPUDESK_DOCUMENT='{who.document}'",
        f"GPUDESK_STEP='{who.step}'",
        f"GPUDESK_POSITION='{who.position}'",
        f"GPUDESK_SCRIPT='{_hash(body)}'",
        f"GPUDESK_READS='{' '.join(reads)}'",
        f"GPUDESK_ALWAYS='{'1' if who.always else ''}'",
        *body,
    ]


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _embed(line: str, folder: Path) -> list[str]:
    embed = _EMBED.fullmatch(line)
    return _embedded(embed["file"], folder).splitlines() if embed else [line]


def _include_all(lines: list[str]) -> list[str]:
    """From the last to the first: each library carries what is used by whatever comes after it."""
    whole: list[str] = []
    for line in reversed(lines):
        include = _INCLUDE.fullmatch(line)
        whole[:0] = _library(include["file"], "\n".join(whole)) if include else [line]
    return whole


def _library(file: str, script: str) -> list[str]:
    source = (_LIBRARY / file).read_text(encoding="utf-8")
    lines = [line for splitline in source.splitlines() for line in _embed(splitline, _LIBRARY)]
    return lines if "<<" in source else select_functions("\n".join([*lines, ""]), script)


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
