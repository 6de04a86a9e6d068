"""SSM documents: AWS's checks of new documents, and the content that commands and sessions use."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import yaml  # type: ignore[import-untyped]
from moto.ssm.models import Document, Documents, SimpleSystemManagerBackend

from local.aws.core.errors import CloudError
from local.aws.core.patches import Patches
from local.aws.core.timing import AwsTiming
from local.aws.ssm.amazon_documents import AMAZON_DOCUMENTS, build_amazon_document
from local.machines.agent import parameters
from local.machines.agent.documents import upgrade_schema, validate_document
from local.machines.agent.timeouts import parse_timeout
from local.machines.errors import DocumentTooLarge, InvalidDocument, InvalidParameters


class DocumentCalls:
    """Extension of moto's document calls by Amazon's own documents and by AWS's checks."""

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
    """Return the names of the steps in a document, by their names in the API of Run Command.

    Both are the same in schema 2.2. In schema 1.2, the API names a step by its plugin.
    """
    steps = upgrade_schema(content).get("mainSteps", [])
    is_schema_1 = "runtimeConfig" in content
    return {str(step["action"] if is_schema_1 else step["name"]): str(step["name"]) for step in steps}


def compute_time_limit(document: Mapping[str, Any], arguments: Mapping[str, Any]) -> timedelta:
    """Return the real time that all steps of a document together may take.

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
        return build_amazon_document(name) if name in AMAZON_DOCUMENTS else original(backend, name)

    return get_documents
