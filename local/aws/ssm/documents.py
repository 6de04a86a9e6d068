"""SSM documents: Amazon's own ones, checks of those that people create, and the content that is run."""

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
from local.machines.agent.agent import parse_timeout
from local.machines.agent.documents import BUILT_IN, upgrade_schema, validate_document
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

AMAZON_DOCUMENTS = {
    **{name: ("Command", content) for name, content in BUILT_IN.items()},
    "SSM-SessionManagerRunShell": ("Session", SHELL),
    "AWS-StartPortForwardingSession": ("Session", PORT_FORWARDING),
    "AWS-StartSSHSession": ("Session", SSH),
    "AWS-StartInteractiveCommand": ("Session", INTERACTIVE_COMMAND),
    "AWS-StartNonInteractiveCommand": ("Session", NON_INTERACTIVE_COMMAND),
}


class DocumentCalls:
    """moto's document calls, extended by Amazon's own documents and by AWS's checks."""

    def __init__(self, timing: AwsTiming) -> None:
        """Create the extension."""
        self._timing = timing

    def patch(self, patches: Patches) -> None:
        """Extend the document calls."""
        patches.wrap(SimpleSystemManagerBackend, "_get_documents", _add_amazon_documents)
        patches.wrap(SimpleSystemManagerBackend, "create_document", self._create)
        patches.wrap(SimpleSystemManagerBackend, "update_document", self._update)

    def _create(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def create_document(backend: Any, **arguments: Any) -> Any:
            if arguments["document_type"] in (None, "Command"):
                self._check_content(arguments["content"], arguments["document_format"])
            return original(backend, **arguments)

        return create_document

    def _update(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def update_document(backend: Any, **arguments: Any) -> Any:
            existing = backend._get_documents(arguments["name"]).get_latest_version()
            if existing.document_type in (None, "Command"):
                self._check_content(arguments["content"], arguments["document_format"])
            return original(backend, **arguments)

        return update_document

    def _check_content(self, content: str, document_format: Any) -> None:
        if not self._timing.is_strict:
            return
        try:
            validate_document(content, document_format)
        except DocumentTooLarge as error:
            raise CloudError("MaxDocumentSizeExceeded", str(error)) from error
        except InvalidDocument as error:
            raise CloudError("InvalidDocumentContent", str(error)) from error


def load_command_content(backend: Any, name: str, version: str | None) -> tuple[str, Mapping[str, Any]]:
    """Return the version and the parsed content of a Command document.

    :param backend: moto's SSM of the account and region
    :param version: None is "$DEFAULT"
    :raises ServiceException: InvalidDocument: it does not exist or has another type
    """
    documents = backend._get_documents(name.rsplit("document/", 1)[-1])
    document = documents.find(None if version in (None, "$DEFAULT") else version)
    if document.document_type not in (None, "Command"):
        raise CloudError("InvalidDocument", f"{name} is a document of type {document.document_type}.")
    return document.document_version, _parse_content(document)


def load_session_content(backend: Any, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parsed content of a Session document with its parameters filled in.

    :param backend: moto's SSM of the account and region
    :param arguments: parameters of StartSession
    :raises ServiceException: InvalidDocument: it does not exist or has another type; InvalidParameters
    """
    document = backend._get_documents(name).find(None)
    if document.document_type != "Session":
        raise CloudError("InvalidDocument", f"{name} is a document of type {document.document_type}.")
    content = _parse_content(document)
    try:
        values = parameters.resolve_values(content.get("parameters") or {}, arguments)
    except InvalidParameters as error:
        raise CloudError("InvalidParameters", str(error)) from error
    filled: Mapping[str, Any] = parameters.fill_in(content, values)
    return filled


def map_plugins(content: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the names by which Run Command calls the steps, each with the step's own name.

    The steps of schema 1.2 have no names, so there the name of the plugin is used.
    """
    steps = upgrade_schema(content).get("mainSteps", [])
    is_old = "runtimeConfig" in content
    return {str(step["action"] if is_old else step["name"]): str(step["name"]) for step in steps}


def compute_time_limit(document: Mapping[str, Any], arguments: Mapping[str, Any]) -> timedelta:
    """Return the real time that all steps of a document may take together.

    :raises CloudError: InvalidParameters, as in SendCommand
    """
    try:
        values = parameters.resolve_values(document.get("parameters") or {}, arguments)
    except InvalidParameters as error:
        raise CloudError("InvalidParameters", str(error)) from error
    limits = [step.get("inputs", {}).get("timeoutSeconds") for step in document.get("mainSteps", [])]
    return timedelta(seconds=sum(parse_timeout(parameters.fill_in(limit, values)) for limit in limits))


def _parse_content(document: Document) -> Mapping[str, Any]:
    parse = yaml.safe_load if document.document_format == "YAML" else json.loads
    content: Mapping[str, Any] = parse(document.content)
    return content


def _add_amazon_documents(original: Callable[[Any, str], Documents]) -> Callable[[Any, str], Documents]:
    def get_documents(backend: Any, name: str) -> Documents:
        return _build_amazon_document(name) if name in AMAZON_DOCUMENTS else original(backend, name)

    return get_documents


def _build_amazon_document(name: str) -> Documents:
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
