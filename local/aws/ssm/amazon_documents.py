"""SSM documents of Amazon, which exist in every account."""

import json
from collections.abc import Mapping
from typing import Any

from moto.ssm.models import Document, Documents

from local.machines.agent.documents import BUILT_IN

PORT_FORWARDING: Mapping[str, Any] = {
    "schemaVersion": "1.0",
    "description": "Document to start port forwarding session over Session Manager",
    "sessionType": "Port",
    "parameters": {
        "portNumber": {"type": "String", "default": "80", "allowedPattern": "^([1-9]|[1-9][0-9]{1,4})$"},
        "localPortNumber": {"type": "String", "default": "0", "allowedPattern": "^([0-9]|[1-9][0-9]{1,4})$"},
    },
    "properties": {
        "portNumber": "{{ portNumber }}",
        "type": "LocalPortForwarding",
        "localPortNumber": "{{ localPortNumber }}",
    },
}

SSH: Mapping[str, Any] = {
    "schemaVersion": "1.0",
    "description": "Document which enables SSH connections via Session Manager",
    "sessionType": "Port",
    "parameters": {"portNumber": {"type": "String", "default": "22", "allowedPattern": "^([1-9]|[1-9][0-9]{1,4})$"}},
    "properties": {"portNumber": "{{ portNumber }}"},
}

SHELL: Mapping[str, Any] = {
    "schemaVersion": "1.0",
    "description": "Document to hold regional settings for Session Manager",
    "sessionType": "Standard_Stream",
    "inputs": {"runAsEnabled": False, "runAsDefaultUser": ""},
}

INTERACTIVE_COMMAND: Mapping[str, Any] = {
    "schemaVersion": "1.0",
    "description": "Document to run single interactive command on an instance",
    "sessionType": "InteractiveCommands",
    "parameters": {"command": {"type": "String", "description": "The command to run"}},
    "properties": {"linux": {"commands": "{{ command }}", "runAsElevated": False}},
}

NON_INTERACTIVE_COMMAND: Mapping[str, Any] = {
    **INTERACTIVE_COMMAND,
    "description": "Document to run single non-interactive command on an instance",
    "sessionType": "NonInteractiveCommands",
}

AMAZON_DOCUMENTS = {
    **{name: ("Command", content) for name, content in BUILT_IN.items()},
    "SSM-SessionManagerRunShell": ("Session", SHELL),
    "AWS-StartPortForwardingSession": ("Session", PORT_FORWARDING),
    "AWS-StartSSHSession": ("Session", SSH),
    "AWS-StartInteractiveCommand": ("Session", INTERACTIVE_COMMAND),
    "AWS-StartNonInteractiveCommand": ("Session", NON_INTERACTIVE_COMMAND),
}
"""Type and content by name."""


def build_amazon_document(name: str) -> Documents:
    """Return a document of `AMAZON_DOCUMENTS` as moto represents it."""
    kind, content = AMAZON_DOCUMENTS[name]
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
