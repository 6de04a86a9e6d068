"""SSM documents: Amazon's own that a desk uses, and the content that SendCommand runs."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import yaml  # type: ignore[import-untyped]
from moto.ssm.models import Document, Documents, SimpleSystemManagerBackend

from local.cloud.errors import CloudError
from local.cloud.patches import Patches

DEFAULT_STEP_TIMEOUT = timedelta(hours=1)

RUN_SHELL_SCRIPT: Mapping[str, Any] = {
    "schemaVersion": "2.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {
            "type": "StringList",
            "description": "(Required) Specify a shell script or a command to run.",
            "minItems": 1,
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
            "description": "(Optional) The time in seconds for a command to complete. At most 172800.",
            "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)",
        },
    },
    "mainSteps": [
        {
            "action": "aws:runShellScript",
            "name": "runShellScript",
            "inputs": {
                "runCommand": "{{ commands }}",
                "workingDirectory": "{{ workingDirectory }}",
                "timeoutSeconds": "{{ executionTimeout }}",
            },
        }
    ],
}

PORT_FORWARDING: Mapping[str, Any] = {
    "schemaVersion": "1.0",
    "description": "Document to start port forwarding session over Session Manager",
    "sessionType": "Port",
    "parameters": {
        "portNumber": {"type": "String", "default": "80", "allowedPattern": "^([1-9]|[1-9][0-9]{1,4})$"},
        "localPortNumber": {"type": "String", "default": "0", "allowedPattern": "^([0-9]|[1-9][0-9]{1,4})$"},
    },
    "properties": {"portNumber": "{{ portNumber }}", "type": "LocalPortForwarding"},
}

INTERACTIVE_COMMAND: Mapping[str, Any] = {
    "schemaVersion": "1.0",
    "description": "Document to run single interactive command on an instance",
    "sessionType": "InteractiveCommands",
    "parameters": {"command": {"type": "String", "description": "The command to run"}},
    "properties": {"linux": {"commands": "{{ command }}", "runAsElevated": False}},
}

AMAZONS = {
    "AWS-RunShellScript": ("Command", RUN_SHELL_SCRIPT),
    "AWS-StartPortForwardingSession": ("Session", PORT_FORWARDING),
    "AWS-StartInteractiveCommand": ("Session", INTERACTIVE_COMMAND),
}


def patch(patches: Patches) -> None:
    """Let moto's document calls know Amazon's own documents."""

    def get_documents(original: Callable[[Any, str], Documents]) -> Callable[[Any, str], Documents]:
        def find(backend: Any, name: str) -> Documents:
            return _amazons(name) if name in AMAZONS else original(backend, name)

        return find

    patches.wrap(SimpleSystemManagerBackend, "_get_documents", get_documents)


def content_of(backend: Any, name: str, version: str | None) -> tuple[str, Mapping[str, Any]]:
    """The version that was asked for ("$DEFAULT" where None) and the parsed content of a Command document.

    :param backend: moto's SSM of the account and region
    :raises ServiceException: InvalidDocument, where there is none or it is of another type
    """
    documents = backend._get_documents(name.rsplit("document/", 1)[-1])
    document = documents.find(None if version in (None, "$DEFAULT") else version)
    if document.document_type not in (None, "Command"):
        raise CloudError("InvalidDocument", f"{name} is a document of type {document.document_type}")
    parse = yaml.safe_load if document.document_format == "YAML" else json.loads
    return document.document_version, parse(document.content)


def time_limit(content: Mapping[str, Any], parameters: Mapping[str, Any]) -> timedelta:
    """How long all steps of a document together may take, in the world's time."""
    return sum((_step_limit(step, content, parameters) for step in content.get("mainSteps", [])), timedelta(0))


def _step_limit(step: Mapping[str, Any], content: Mapping[str, Any], parameters: Mapping[str, Any]) -> timedelta:
    raw = str(step.get("inputs", {}).get("timeoutSeconds", ""))
    name = raw.strip("{} ")
    declared = content.get("parameters", {}).get(name)
    if declared is not None:
        given = parameters.get(name, declared.get("default", ""))
        raw = str(given[0] if isinstance(given, list) else given)
    return timedelta(seconds=int(raw)) if raw.isdigit() else DEFAULT_STEP_TIMEOUT


def _amazons(name: str) -> Documents:
    kind, content = AMAZONS[name]
    return Documents(
        Document(  # type: ignore[abstract]
            account_id="Amazon",
            name=name,
            version_name="",
            content=json.dumps(content, indent=2),
            document_type=kind,
            document_format="JSON",
            requires=[],
            attachments=[],
            target_type="",
        )
    )
