"""SSM documents: Amazon's own that a desk uses, the check of those that people create, and what SendCommand runs."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import yaml  # type: ignore[import-untyped]
from moto.ssm.models import Document, Documents, SimpleSystemManagerBackend

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.machines.agent import parameters
from local.machines.agent.agent import timeout_seconds
from local.machines.agent.documents import BUILT_IN, modern, validate_document
from local.machines.errors import DocumentTooLarge, InvalidDocument, InvalidParameters

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

AMAZONS = {
    **{name: ("Command", content) for name, content in BUILT_IN.items()},
    "SSM-SessionManagerRunShell": ("Session", SHELL),
    "AWS-StartPortForwardingSession": ("Session", PORT_FORWARDING),
    "AWS-StartSSHSession": ("Session", SSH),
    "AWS-StartInteractiveCommand": ("Session", INTERACTIVE_COMMAND),
    "AWS-StartNonInteractiveCommand": ("Session", NON_INTERACTIVE_COMMAND),
}


class DocumentCalls:
    """moto's document calls, which know Amazon's own documents and refuse what no agent could run."""

    def __init__(self, timing: AwsTiming) -> None:
        self._timing = timing

    def patch(self, patches: Patches) -> None:
        patches.wrap(SimpleSystemManagerBackend, "_get_documents", _find)
        patches.wrap(SimpleSystemManagerBackend, "create_document", self._create)
        patches.wrap(SimpleSystemManagerBackend, "update_document", self._update)

    def _create(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def create_document(backend: Any, **asked: Any) -> Any:
            if asked["document_type"] in (None, "Command"):
                self._check(asked["content"], asked["document_format"])
            return original(backend, **asked)

        return create_document

    def _update(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def update_document(backend: Any, **asked: Any) -> Any:
            known = backend._get_documents(asked["name"]).get_latest_version()
            if known.document_type in (None, "Command"):
                self._check(asked["content"], asked["document_format"])
            return original(backend, **asked)

        return update_document

    def _check(self, content: str, document_format: Any) -> None:
        if not self._timing.is_strict:
            return
        try:
            validate_document(content, document_format)
        except DocumentTooLarge as error:
            raise CloudError("MaxDocumentSizeExceeded", str(error)) from error
        except InvalidDocument as error:
            raise CloudError("InvalidDocumentContent", str(error)) from error


def content_of(backend: Any, name: str, version: str | None) -> tuple[str, Mapping[str, Any]]:
    """The version that was asked for ("$DEFAULT" where None) and the parsed content of a Command document.

    :param backend: moto's SSM of the account and region
    :raises ServiceException: InvalidDocument, where there is none or it is of another type
    """
    documents = backend._get_documents(name.rsplit("document/", 1)[-1])
    document = documents.find(None if version in (None, "$DEFAULT") else version)
    if document.document_type not in (None, "Command"):
        raise CloudError("InvalidDocument", f"{name} is a document of type {document.document_type}")
    return document.document_version, _parsed(document)


def session_content(backend: Any, name: str, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parsed content of a Session document, its parameters filled in.

    :param backend: moto's SSM of the account and region
    :param given: parameters as StartSession got them
    :raises ServiceException: InvalidDocument, where there is none or it is of another type; InvalidParameters
    """
    document = backend._get_documents(name).find(None)
    if document.document_type != "Session":
        raise CloudError("InvalidDocument", f"{name} is a document of type {document.document_type}")
    content = _parsed(document)
    try:
        values = parameters.resolve(content.get("parameters") or {}, given)
    except InvalidParameters as error:
        raise CloudError("InvalidParameters", str(error)) from error
    filled: Mapping[str, Any] = parameters.fill_in(content, values)
    return filled


def plugins_of(content: Mapping[str, Any]) -> Mapping[str, str]:
    """What the calls of Run Command name each step by, to the step's own name.

    A document of schema 1.2 has no names for its steps; its plugins' stand for them.
    """
    steps = modern(content).get("mainSteps", [])
    is_old = "runtimeConfig" in content
    return {str(step["action"] if is_old else step["name"]): str(step["name"]) for step in steps}


def time_limit(document: Mapping[str, Any], given: Mapping[str, Any]) -> timedelta:
    """How long all steps of a document together may take, in the world's time.

    :raises CloudError: InvalidParameters, as SendCommand does
    """
    try:
        values = parameters.resolve(document.get("parameters") or {}, given)
    except InvalidParameters as error:
        raise CloudError("InvalidParameters", str(error)) from error
    limits = [step.get("inputs", {}).get("timeoutSeconds") for step in document.get("mainSteps", [])]
    return timedelta(seconds=sum(timeout_seconds(parameters.fill_in(limit, values)) for limit in limits))


def _parsed(document: Document) -> Mapping[str, Any]:
    parse = yaml.safe_load if document.document_format == "YAML" else json.loads
    content: Mapping[str, Any] = parse(document.content)
    return content


def _find(original: Callable[[Any, str], Documents]) -> Callable[[Any, str], Documents]:
    def get_documents(backend: Any, name: str) -> Documents:
        return _amazons(name) if name in AMAZONS else original(backend, name)

    return get_documents


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
