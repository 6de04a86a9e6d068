"""Command documents: the checks of CreateDocument, and AWS-RunShellScript."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

import yaml  # type: ignore[import-untyped]

from local.machines.errors import DocumentTooLarge, InvalidDocument

from . import parameters

MAX_BYTES = 64 * 1024
SCHEMA_VERSION = "2.2"
PARAMETER_TYPES = frozenset({"String", "StringList", "Integer", "Boolean", "MapList", "StringMap"})
STEP_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
ACTIONS = frozenset(
    {
        "aws:applications",
        "aws:cloudWatch",
        "aws:configureDocker",
        "aws:configurePackage",
        "aws:domainJoin",
        "aws:downloadContent",
        "aws:psModule",
        "aws:refreshAssociation",
        "aws:runDockerAction",
        "aws:runDocument",
        "aws:runPowerShellScript",
        "aws:runShellScript",
        "aws:softwareInventory",
        "aws:updateAgent",
        "aws:updateSsmAgent",
    }
)

RUN_SHELL_SCRIPT: Mapping[str, Any] = {
    "schemaVersion": "1.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {
            "type": "StringList",
            "description": "(Required) Specify a shell script or a command to run.",
            "minItems": 1,
            "displayType": "textarea",
        },
        "workingDirectory": {
            "type": "String",
            "default": "",
            "description": "(Optional) The path to the working directory on your instance.",
            "maxChars": 4096,
        },
        "executionTimeout": {
            "type": "String",
            "default": "3600",
            "description": "(Optional) The time in seconds for a command to complete before it is considered to have"
            " failed. Default is 3600 (1 hour). Maximum is 172800 (48 hours).",
            "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)",
        },
    },
    "runtimeConfig": {
        "aws:runShellScript": {
            "properties": [
                {
                    "id": "0.aws:runShellScript",
                    "runCommand": "{{ commands }}",
                    "workingDirectory": "{{ workingDirectory }}",
                    "timeoutSeconds": "{{ executionTimeout }}",
                }
            ]
        }
    },
}
BUILT_IN: Mapping[str, Mapping[str, Any]] = {"AWS-RunShellScript": RUN_SHELL_SCRIPT}
"""Content, by name, of the documents that exist in every account."""


def validate_document(content: str, document_format: Literal["JSON", "YAML"] = "JSON") -> Mapping[str, Any]:
    """Return the parsed content of a Command document.

    :raises DocumentTooLarge: it has more than 64 KB
    :raises InvalidDocument: AWS would reject it. The message says why
    """
    if len(content.encode()) > MAX_BYTES:
        raise DocumentTooLarge(f"The document has {len(content.encode())} bytes; at most {MAX_BYTES} are allowed.")
    document = _parse(content, document_format)
    if not isinstance(document, dict):
        raise InvalidDocument("The document is not an object.")
    if document.get("schemaVersion") != SCHEMA_VERSION:
        raise InvalidDocument(
            f"schemaVersion is {document.get('schemaVersion')!r}; a Command document needs '{SCHEMA_VERSION}'."
        )
    unknown = sorted(set(document) - {"schemaVersion", "description", "parameters", "mainSteps", "variables"})
    if unknown:
        raise InvalidDocument(f"Unknown top-level keys: {unknown}.")
    declared = document.get("parameters") or {}
    _check_parameters(declared)
    _check_steps(document.get("mainSteps"))
    referred = set(parameters.REFERENCE.findall(json.dumps(document.get("mainSteps"))))
    if missing := sorted(referred - set(declared)):
        raise InvalidDocument(f"Parameters {missing} are used but not declared.")
    return document


def upgrade_schema(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document in schema 2.2, converted from schema 1.2 if necessary."""
    if "runtimeConfig" not in document:
        return document
    steps = [
        {"action": action, "name": action, "inputs": config["properties"][0]}
        for action, config in document["runtimeConfig"].items()
    ]
    return {"schemaVersion": SCHEMA_VERSION, "parameters": document.get("parameters", {}), "mainSteps": steps}


def _parse(content: str, document_format: str) -> Any:
    try:
        if document_format == "JSON":
            return json.loads(content)
        return yaml.safe_load(content)
    except (ValueError, yaml.YAMLError) as error:
        raise InvalidDocument(f"The document is not {document_format}: {error}") from error


def _check_parameters(declared: Any) -> None:
    if not isinstance(declared, dict):
        raise InvalidDocument("parameters is not an object.")
    for name, declaration in declared.items():
        if not parameters.NAME.fullmatch(name):
            raise InvalidDocument(f"Parameter name {name!r}: only letters and digits are allowed.")
        if not isinstance(declaration, dict) or declaration.get("type") not in PARAMETER_TYPES:
            raise InvalidDocument(f"Parameter {name} needs a type, one of {sorted(PARAMETER_TYPES)}.")
        if declaration.get("interpolationType", "ENV_VAR") not in ("ENV_VAR", "DEFAULT"):
            raise InvalidDocument(f"Parameter {name}: interpolationType must be ENV_VAR or missing.")
        if "interpolationType" in declaration and declaration["type"] != "String":
            raise InvalidDocument(f"Parameter {name}: only a String parameter can have an interpolationType.")
        try:
            re.compile(declaration.get("allowedPattern", ""))
        except re.error as error:
            raise InvalidDocument(f"Parameter {name}: allowedPattern is not a valid pattern: {error}.") from error


def _check_steps(steps: Any) -> None:
    if not isinstance(steps, list) or not steps:
        raise InvalidDocument("mainSteps needs at least one step.")
    names: set[str] = set()
    for step in steps:
        if not isinstance(step, dict):
            raise InvalidDocument("A step is not an object.")
        name, action = step.get("name"), step.get("action")
        if not isinstance(name, str) or not STEP_NAME.fullmatch(name):
            raise InvalidDocument(f"Step name {name!r}: letters, digits, _ and - are allowed.")
        if name in names:
            raise InvalidDocument(f"Step name {name} is used twice.")
        names.add(name)
        if action not in ACTIONS:
            raise InvalidDocument(f"Step {name}: action {action!r} does not exist.")
        if not isinstance(step.get("inputs"), dict):
            raise InvalidDocument(f"Step {name} has no inputs.")
        if action == "aws:runShellScript" and "runCommand" not in step["inputs"]:
            raise InvalidDocument(f"Step {name} has no runCommand.")
