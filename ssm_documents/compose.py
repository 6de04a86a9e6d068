"""Compose Command documents from their sources: one folder each, with document.json and script files.

    python -m ssm_documents.compose FOLDER

writes every document as FOLDER/NAME.json. Placeholders in the sources:

- `source include:FILE` in a script: the functions of lib/FILE. They are part of the document's library (library.py), or
  inserted if lib/FILE has here-documents.
- a line `@@FILE@@` in a script: the content of the file beside it; `@@probe.txt@@`: the packed probe.
- `"include:parameters.json"` instead of a parameter: the shared parameter of that name (parameters.py).
- `"always": true` beside `"script"`: the step runs in every attempt, even if it was done before, because it inspects
  the instance or starts a service.
- `"compressed": true` beside `"script"`: the part of the script after the prelude is a function of the library. This
  saves room in a document that is nearly full.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from chalicelib.domain.setup.custom_recipe import CUSTOM_DOCUMENT_PREFIX
from ssm_documents.check import check_document, to_json
from ssm_documents.custom_recipes import CUSTOM_RECIPES_DIR, list_custom_document_names, write_sources
from ssm_documents.library import build_loading_lines
from ssm_documents.parameters import SHARED, load_shared_parameters
from ssm_documents.session_documents import list_session_names, load_session_document
from ssm_documents.step_script import StepInfo, build_library, compose_script, read_script

_SOURCES = Path(__file__).parent

SECONDS_TO_END = 20
"""Time that a script has to end itself after its time limit, before SSM kills it."""


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
    scripts = [
        read_script(folder / step["inputs"].pop("script"), step["name"], step["inputs"].pop("compressed", False))
        for step in steps
    ]
    library = build_library(scripts)
    for number, (step, script) in enumerate(zip(steps, scripts, strict=True), start=1):
        info = StepInfo(
            document=name,
            step=step["name"],
            position=f"{number} of {len(steps)}",
            previous=steps[number - 2]["name"] if number > 1 else "",
            time_limit=_compute_time_limit(step["inputs"].get("timeoutSeconds", "")),
            always=step["inputs"].pop("always", False),
        )
        loading = build_loading_lines(library, is_first_step=number == 1)
        step["inputs"]["runCommand"] = compose_script(script, info, tuple(document["parameters"]), loading)
    problems = check_document(document)
    if problems:
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return document


def _compute_time_limit(timeout: str) -> int:
    """Return the seconds after which the script ends itself. So gpudesk learns why; SSM would just kill the script."""
    seconds = int(timeout) if timeout.isdecimal() else 0
    return max(seconds - SECONDS_TO_END, seconds // 2)


def _resolve_parameter(name: str, entry: Any) -> Any:
    return load_shared_parameters()[name] if entry == SHARED else entry


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
