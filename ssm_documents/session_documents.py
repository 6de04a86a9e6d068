"""SSM Session documents, the only ones by which the desk lets anybody in: a JSON file each, and the rules they keep to.

https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-schema.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ssm_documents.check import SHELL_METACHARACTERS, characters_accepted

_SOURCES = Path(__file__).parent / "sessions"

USER = "ubuntu"

_LOGS = ("s3BucketName", "cloudWatchLogGroupName")
_SPLICED = re.compile(r"\{\{\s*(\w+)\s*\}\}")


def session_names() -> tuple[str, ...]:
    """Every Session document that there is a file for, sorted."""
    return tuple(sorted(file.stem for file in _SOURCES.glob("*.json")))


def session_document(name: str) -> dict[str, Any]:
    """The document, ready for CreateDocument (`as_json` makes its content).

    :raises FileNotFoundError: there is none of that name
    :raises ValueError: it breaks a rule
    """
    document: dict[str, Any] = json.loads((_SOURCES / f"{name}.json").read_text(encoding="utf-8"))
    problems = check_session(document)
    if problems:
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return document


def check_session(document: Mapping[str, Any]) -> list[str]:
    """The problems of a Session document, each a sentence; none if it is clean."""
    return [*_check_whole(document), *_check_kind(document), *_check_parameters(document)]


def _check_whole(document: Mapping[str, Any]) -> Iterator[str]:
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
                yield "a shell that nobody types in must end (idleSessionTimeout)"
            if any(inputs.get(name) for name in _LOGS):
                yield "what people type would be logged, secrets too"
        case "Port":
            if not properties.get("portNumber"):
                yield "the session leads to no port (properties: portNumber)"
        case "InteractiveCommands":
            if not properties.get("linux", {}).get("commands"):
                yield "there is no command for Linux"
        case kind:
            yield f"sessionType {kind!r} is none of ours"


def _check_parameters(document: Mapping[str, Any]) -> Iterator[str]:
    """A parameter may name a port; nothing that a caller says may come into a shell."""
    in_shell = json.dumps([document.get("inputs", {}), document.get("properties", {}).get("linux", {})])
    if _SPLICED.search(in_shell):
        yield "a parameter is spliced into what a shell reads"
    for name, parameter in document.get("parameters", {}).items():
        if parameter.get("type") != "String" or not parameter.get("description"):
            yield f"parameter {name} is not of type String with a description"
        pattern = parameter.get("allowedPattern", "")
        if not (pattern.startswith("^") and pattern.endswith("$")):
            yield f"parameter {name} has no allowedPattern for the whole of it (^...$)"
        elif admitted := characters_accepted(pattern, SHELL_METACHARACTERS):
            yield f"the allowedPattern of parameter {name} admits {admitted}"
