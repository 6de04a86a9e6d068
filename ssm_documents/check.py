"""Rules for gpudesk's Command documents, in addition to those of SSM."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

MAX_BYTES = 64 * 1024
"""The limit of SSM: https://docs.aws.amazon.com/general/latest/gr/ssm.html"""

SHELL_METACHARACTERS = ("'", '"', "$", "`", "\\", "\n", ";", "|", "&", "(", ")", "<", ">", " ", "{", "}")
"""Characters that no parameter may contain: an agent that does not know ENV_VAR inserts the value into the script."""

_STEP_NAME = re.compile(r"[A-Za-z0-9_-]{4,128}")
"""SSM accepts three characters, but GetCommandInvocation needs four to show the output of the step:
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetCommandInvocation.html"""


def check_document(document: Mapping[str, Any]) -> list[str]:
    """Return the problems of a composed document, one text each; an empty list if there are none."""
    return [
        *_check_header(document),
        *(problem for name, entry in document["parameters"].items() for problem in _check_parameter(name, entry)),
        *(problem for step in document["mainSteps"] for problem in _check_step(step, document["parameters"])),
    ]


def build_fallback_lines(parameters: Iterable[str]) -> list[str]:
    """Return the lines of shell that export the parameters if the agent is too old to do it (before 3.3.2746.0)."""
    values = " ".join(f"{parameter}='{{{{ {parameter} }}}}'" for parameter in parameters)
    return [
        f"for p in {values}",
        'do n="SSM_${p%%=*}"; [ "${!n+x}" ] || export "$n=${p#*=}"; done',
    ]


def find_accepted_characters(pattern: str, characters: Iterable[str]) -> list[str]:
    """Return those of the characters that a pattern accepts, alone or within a sample text."""
    return [
        character
        for character in characters
        if any(re.fullmatch(pattern, text) for text in _insert_into_samples(character))
    ]


def to_json(document: Mapping[str, Any]) -> str:
    """Return the content for CreateDocument, without line breaks and indentation: they would take 5 % of the 64 KB."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False) + "\n"


def _check_header(document: Mapping[str, Any]) -> Iterator[str]:
    size = len(to_json(document).encode())
    if size > MAX_BYTES:
        yield f"the document has {size} bytes, the limit of SSM is {MAX_BYTES}"
    if document.get("schemaVersion") != "2.2":
        yield "schemaVersion is not 2.2"
    if not document.get("description"):
        yield "the document has no description"
    if "attemptId" not in document["parameters"]:
        yield "there is no parameter attemptId, so a command that is sent twice would run twice"
    names = [step["name"] for step in document["mainSteps"]]
    if len(set(names)) < len(names):
        yield "two steps have the same name"


def _check_parameter(name: str, parameter: Mapping[str, Any]) -> Iterator[str]:
    if parameter.get("type") != "String":
        yield f"parameter {name} is not of type String"
    if not parameter.get("description"):
        yield f"parameter {name} has no description"
    if parameter.get("interpolationType") != "ENV_VAR":
        yield f"parameter {name} is not passed as an environment variable (interpolationType ENV_VAR)"
    pattern = parameter.get("allowedPattern", "")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        yield f"parameter {name} has no allowedPattern that covers the whole value (^...$)"
        return
    if accepted := find_accepted_characters(pattern, SHELL_METACHARACTERS):
        yield f"the allowedPattern of parameter {name} accepts {accepted}"


def _insert_into_samples(character: str) -> Iterator[str]:
    """Yield the character alone, and inserted into texts of the kinds that the patterns accept."""
    yield character
    for text in ("12", "abc", "us-east-1"):
        for position in range(len(text) + 1):
            yield text[:position] + character + text[position:]


def _check_step(step: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[str]:
    name = step["name"]
    if not _STEP_NAME.fullmatch(name):
        yield f"SSM does not accept the step name {name!r}"
    if step.get("action") != "aws:runShellScript":
        yield f"step {name} is not a shell script"
    # The agent reads onFailure only among the inputs, and ignores it anywhere else without an error.
    if step["inputs"].get("onFailure") != "exit":
        yield f"step {name} does not stop the document when it fails (inputs: onFailure: exit)"
    limit = str(step["inputs"].get("timeoutSeconds", ""))
    if not (limit.isdecimal() and 5 <= int(limit) <= 172800):
        yield f"step {name} has no timeoutSeconds from 5 to 172800"
    yield from _check_script(name, step["inputs"]["runCommand"], parameters)


def _check_script(name: str, lines: list[str], parameters: Mapping[str, Any]) -> Iterator[str]:
    fallbacks = build_fallback_lines(parameters)
    if not lines or lines[0] != "#!/usr/bin/env bash":
        yield f"step {name} does not begin with the shebang of bash, so sh would run it"
    if lines[1 : 1 + len(fallbacks)] != fallbacks:
        yield f"step {name} does not begin with the fallback lines of the parameters"
    if "set -euo pipefail" not in lines:
        yield f"step {name} lacks set -euo pipefail"
    if any("{{" in line for line in lines if line not in fallbacks):
        yield f"step {name} inserts a parameter into its script by {{{{ }}}}"
