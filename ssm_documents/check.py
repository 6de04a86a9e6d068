"""What every document of ours keeps to, beyond what SSM asks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MAX_BYTES = 64 * 1024
"""SSM's limit on a document."""

SHELL_METACHARACTERS = ("'", '"', "$", "`", "\\", "\n", ";", "|", "&", "(", ")", "<", ">", " ", "{", "}")
"""What no parameter may hold: on an agent that does not know ENV_VAR it is put between quotes in the script."""

_STEP_NAME = re.compile(r"[A-Za-z0-9_-]{3,128}")


def check(document: Mapping[str, Any]) -> list[str]:
    """The problems of a composed document, each a sentence; none if it is clean."""
    return [
        *_check_whole(document),
        *(problem for name, each in document["parameters"].items() for problem in _check_parameter(name, each)),
        *(problem for step in document["mainSteps"] for problem in _check_step(step, document["parameters"])),
    ]


def fallback_line(parameter: str) -> str:
    """Hands a parameter over by environment where the agent is too old to do it itself (before 3.3.2746.0)."""
    return f"if [ -z \"${{SSM_{parameter}+x}}\" ]; then export SSM_{parameter}='{{{{ {parameter} }}}}'; fi"


def characters_accepted(pattern: str, characters: Iterable[str]) -> list[str]:
    """Which of the characters a pattern lets through, alone or in texts such as ours."""
    return [character for character in characters if any(re.fullmatch(pattern, text) for text in _laced(character))]


def as_json(document: Mapping[str, Any]) -> str:
    """The document's content, as SSM is given it: a line each, not indented, for that is a twentieth of 64 KB."""
    return json.dumps(document, indent=0, ensure_ascii=False) + "\n"


def _check_whole(document: Mapping[str, Any]) -> Iterator[str]:
    size = len(as_json(document).encode())
    if size > MAX_BYTES:
        yield f"the document has {size} bytes, SSM takes {MAX_BYTES}"
    if document.get("schemaVersion") != "2.2":
        yield "schemaVersion is not 2.2"
    if not document.get("description"):
        yield "the document has no description"
    if "attemptId" not in document["parameters"]:
        yield "there is no parameter attemptId, so a command that is sent twice would run twice"
    names = [step["name"] for step in document["mainSteps"]]
    if len(set(names)) < len(names):
        yield "two steps have one name"


def _check_parameter(name: str, parameter: Mapping[str, Any]) -> Iterator[str]:
    if parameter.get("type") != "String":
        yield f"parameter {name} is not of type String"
    if not parameter.get("description"):
        yield f"parameter {name} has no description"
    if parameter.get("interpolationType") != "ENV_VAR":
        yield f"parameter {name} is not handed over by environment (interpolationType ENV_VAR)"
    pattern = parameter.get("allowedPattern", "")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        yield f"parameter {name} has no allowedPattern for the whole of it (^...$)"
        return
    if admitted := characters_accepted(pattern, SHELL_METACHARACTERS):
        yield f"the allowedPattern of parameter {name} admits {admitted}"


def _laced(character: str) -> Iterator[str]:
    """The character alone, and in texts such as patterns of ours admit."""
    yield character
    for text in ("12", "abc", "us-east-1"):
        for position in range(len(text) + 1):
            yield text[:position] + character + text[position:]


def _check_step(step: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    name = step["name"]
    if not _STEP_NAME.fullmatch(name):
        yield f"step {name!r}: SSM does not take that name"
    if step.get("action") != "aws:runShellScript":
        yield f"step {name} is not a shell script"
    # Among the inputs: the agent reads it nowhere else, and says nothing of one beside them.
    if step["inputs"].get("onFailure") != "exit":
        yield f"step {name} would let the later ones run after it failed (inputs: onFailure: exit)"
    limit = str(step["inputs"].get("timeoutSeconds", ""))
    if not (limit.isdecimal() and 5 <= int(limit) <= 172800):
        yield f"step {name} has no timeoutSeconds from 5 to 172800"
    yield from _check_script(name, step["inputs"]["runCommand"], parameters)


def _check_script(name: str, lines: list[str], parameters: Mapping[str, Any]) -> Iterator[str]:
    fallbacks = [fallback_line(parameter) for parameter in parameters]
    if not lines or lines[0] != "#!/usr/bin/env bash":
        yield f"step {name} does not begin with bash's shebang, so sh would run it"
    if lines[1 : 1 + len(fallbacks)] != fallbacks:
        yield f"step {name} does not begin with the fallback line of each parameter"
    if "set -euo pipefail" not in lines:
        yield f"step {name} does not say set -euo pipefail"
    if any("{{" in line for line in lines if line not in fallbacks):
        yield f"step {name} splices a parameter into its script"
