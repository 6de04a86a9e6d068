"""SSM Session documents, one JSON file each, and their rules. gpudesk starts sessions with these documents only.

https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ssm_documents.check import SHELL_METACHARACTERS, find_accepted_characters

_SOURCES = Path(__file__).parent / "sessions"

USER = "ubuntu"

_LOGS = ("s3BucketName", "cloudWatchLogGroupName")
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def list_session_names() -> tuple[str, ...]:
    """Return the names of all Session documents, sorted."""
    return tuple(sorted(file.stem for file in _SOURCES.glob("*.json")))


def load_session_document(name: str) -> dict[str, Any]:
    """Return a document for CreateDocument (`to_json` makes its content).

    :raises FileNotFoundError: no document has that name
    :raises ValueError: the document breaks a rule
    """
    document: dict[str, Any] = json.loads((_SOURCES / f"{name}.json").read_text(encoding="utf-8"))
    problems = check_session_document(document)
    if problems:
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return document


def check_session_document(document: Mapping[str, Any]) -> list[str]:
    """Return the problems of a Session document, one text each; an empty list if there are none."""
    return [*_check_header(document), *_check_kind(document), *_check_parameters(document)]


def _check_header(document: Mapping[str, Any]) -> Iterator[str]:
    if document.get("schemaVersion") != "1.0":
        yield "schemaVersion is not 1.0"
    if not document.get("description"):
        yield "the document has no description"


def _check_kind(document: Mapping[str, Any]) -> Iterator[str]:
    inputs, properties = document.get("inputs", {}), document.get("properties", {})
    match document.get("sessionType"):
        case "Standard_Stream":
            if not inputs.get("runAsEnabled") or inputs.get("runAsDefaultUser") != USER:
                yield f"a shell must run as {USER} (runAsEnabled, runAsDefaultUser)"
            if not inputs.get("idleSessionTimeout"):
                yield "an unused shell must end (idleSessionTimeout)"
            if any(inputs.get(name) for name in _LOGS):
                yield "the session would log what people type, including secrets"
        case "Port":
            if not properties.get("portNumber"):
                yield "the session has no port (properties: portNumber)"
        case "InteractiveCommands":
            if not properties.get("linux", {}).get("commands"):
                yield "there is no command for Linux"
        case kind:
            yield f"sessionType {kind!r} is not used by gpudesk"


def _check_parameters(document: Mapping[str, Any]) -> Iterator[str]:
    """Check that no parameter is inserted into text that a shell reads, and that each parameter is declared safely."""
    in_shell = json.dumps([document.get("inputs", {}), document.get("properties", {}).get("linux", {})])
    if _PLACEHOLDER.search(in_shell):
        yield "a parameter is inserted into text that a shell reads"
    for name, parameter in document.get("parameters", {}).items():
        if parameter.get("type") != "String" or not parameter.get("description"):
            yield f"parameter {name} is not of type String with a description"
        pattern = parameter.get("allowedPattern", "")
        if not (pattern.startswith("^") and pattern.endswith("$")):
            yield f"parameter {name} has no allowedPattern that covers the whole value (^...$)"
        elif accepted := find_accepted_characters(pattern, SHELL_METACHARACTERS):
            yield f"the allowedPattern of parameter {name} accepts {accepted}"
