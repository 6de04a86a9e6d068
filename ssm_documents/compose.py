"""Compose Command documents from their sources: one folder each, with document.json and script files.

    python -m ssm_documents.compose FOLDER

writes every document as FOLDER/NAME.json. Placeholders in the sources:

- `source include:FILE` in a script: the functions of lib/FILE that the script uses.
- a line `@@FILE@@` in a script: the content of the file beside it; `@@probe.txt@@`: the packed probe.
- `"include:parameters.json"` instead of a parameter: the shared parameter of that name (parameters.py).
- `"always": true` beside `"script"`: the step runs in every attempt, even if it was done before, because it inspects
  the instance or starts a service.
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
from ssm_documents.check import build_fallback_line, check_document, to_json
from ssm_documents.custom_recipes import CUSTOM_RECIPES_DIR, list_custom_document_names, write_sources
from ssm_documents.embed import pack_probe
from ssm_documents.library import select_functions
from ssm_documents.parameters import SHARED, load_shared_parameters
from ssm_documents.session_documents import list_session_names, load_session_document

_SOURCES = Path(__file__).parent
_LIBRARY = _SOURCES / "lib"
_INCLUDE = re.compile(r"source include:(?P<file>[a-z_.-]+)")
_EMBED = re.compile(r"@@(?P<file>[a-z_.-]+)@@")


def list_document_names() -> tuple[str, ...]:
    """Return the names of all Command documents, those of custom recipes included, sorted."""
    return tuple(
        sorted([*(header.parent.name for header in _SOURCES.glob("*/document.json")), *list_custom_document_names()])
    )


def compose(name: str) -> dict[str, Any]:
    """Return a document for CreateDocument (`to_json` makes its content).

    :raises FileNotFoundError: no document has that name, or a file that it names is missing
    :raises ValueError: the document breaks a rule of check.py, or the custom recipe is invalid
    """
    if name.startswith(CUSTOM_DOCUMENT_PREFIX):
        return compose_custom(name, CUSTOM_RECIPES_DIR)
    return _compose(name, _SOURCES / name)


def compose_custom(name: str, recipes: Path) -> dict[str, Any]:
    """Return the document of a custom recipe.

    :param recipes: the folder that holds one folder per recipe
    :raises FileNotFoundError, ValueError: as `compose`
    """
    with write_sources(name, recipes) as folder:
        return _compose(name, folder)


def _compose(name: str, folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "document.json").read_text(encoding="utf-8"))
    document["parameters"] = {
        parameter: _resolve_parameter(parameter, entry) for parameter, entry in document["parameters"].items()
    }
    steps = document["mainSteps"]
    for number, step in enumerate(steps, start=1):
        inputs = step["inputs"]
        info = _StepInfo(name, step["name"], f"{number} of {len(steps)}", inputs.pop("always", False))
        inputs["runCommand"] = _compose_script(folder / inputs.pop("script"), info, tuple(document["parameters"]))
    problems = check_document(document)
    if problems:
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return document


@dataclass(frozen=True)
class _StepInfo:
    """Values about a step that lib/prelude.sh reads."""

    document: str
    step: str
    position: str
    always: bool


def _resolve_parameter(name: str, entry: Any) -> Any:
    return load_shared_parameters()[name] if entry == SHARED else entry


def _compose_script(path: Path, info: _StepInfo, parameters: tuple[str, ...]) -> list[str]:
    """Return the lines of a step's script: parameters, values about the step, then the file with its includes.

    lib/prelude.sh recognizes a finished step by a hash of this text and of the parameters that the file itself reads.
    The parameters that only the prelude reads (attempt id, proxy, package mirrors) are not part of the hash.
    """
    shebang, *sources = path.read_text(encoding="utf-8").splitlines()
    sources = [line for line in sources if not line.startswith("# shellcheck source-path=")]
    script = [line for source in sources for line in _embed_file(source, path.parent)]
    body = _resolve_includes(script)
    step_parameters = [name for name in parameters if re.search(rf"\bSSM_{name}\b", "\n".join(script))]
    return [
        shebang,
        *(build_fallback_line(parameter) for parameter in parameters),
        f"GPUDESK_DOCUMENT='{info.document}'",
        f"GPUDESK_STEP='{info.step}'",
        f"GPUDESK_POSITION='{info.position}'",
        f"GPUDESK_SCRIPT_HASH='{_hash_lines(body)}'",
        f"GPUDESK_STEP_PARAMETERS='{' '.join(step_parameters)}'",
        f"GPUDESK_ALWAYS='{'1' if info.always else ''}'",
        *body,
    ]


def _hash_lines(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _embed_file(line: str, folder: Path) -> list[str]:
    embed = _EMBED.fullmatch(line)
    return _read_embedded(embed["file"], folder).splitlines() if embed else [line]


def _resolve_includes(lines: list[str]) -> list[str]:
    """Replace the includes, from last to first: a library is reduced to the functions that the lines after it use."""
    composed: list[str] = []
    for line in reversed(lines):
        include = _INCLUDE.fullmatch(line)
        composed[:0] = _read_library(include["file"], "\n".join(composed)) if include else [line]
    return composed


def _read_library(file: str, script: str) -> list[str]:
    source = (_LIBRARY / file).read_text(encoding="utf-8")
    lines = [line for raw in source.splitlines() for line in _embed_file(raw, _LIBRARY)]
    return lines if "<<" in source else select_functions("\n".join([*lines, ""]), script)


def _read_embedded(file: str, folder: Path) -> str:
    if file == "probe.txt":
        return pack_probe()
    return (folder / file).read_text(encoding="utf-8")


def main(folder: Path) -> None:
    """Write all Command and Session documents into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    documents = {name: compose(name) for name in list_document_names()}
    for name, document in {**documents, **{name: load_session_document(name) for name in list_session_names()}}.items():
        target = folder / f"{name}.json"
        content = to_json(document)
        target.write_text(content, encoding="utf-8")
        print(f"{target}: {len(content.encode())} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
