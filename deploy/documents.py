"""The SSM documents of a stage as resources of the region stacks."""

import json
from typing import Any

from deploy.cloudformation import Resource, to_logical_id
from deploy.names import ResourceNames
from ssm_documents.compose import compose, list_document_names
from ssm_documents.session_documents import list_session_names, load_session_document

MAX_DOCUMENT_BYTES = 60_000
"""A little less than the 64 KB that SSM accepts, because CloudFormation may send the JSON with other white space.

https://docs.aws.amazon.com/general/latest/gr/ssm.html
"""


class DocumentTooLarge(ValueError):
    """A composed document has more bytes than SSM accepts."""


def build_documents(names: ResourceNames) -> dict[str, Resource]:
    """Return all SSM documents by logical id.

    :raises DocumentTooLarge: a composed document exceeds MAX_DOCUMENT_BYTES
    """
    commands = {name: compose(name) for name in list_document_names()}
    sessions = {name: load_session_document(name) for name in list_session_names()}
    return {
        **{_get_document_id(name): build_document(names, name, "Command", each) for name, each in commands.items()},
        **{_get_document_id(name): build_document(names, name, "Session", each) for name, each in sessions.items()},
    }


def _get_document_id(name: str) -> str:
    return f"{to_logical_id(name.removeprefix('gpudesk-'))}Document"


def build_document(names: ResourceNames, name: str, kind: str, content: dict[str, Any]) -> Resource:
    """Return an SSM document.

    :param name: its name in the sources
    :param kind: "Command" or "Session"
    :raises DocumentTooLarge: it exceeds MAX_DOCUMENT_BYTES
    """
    size = len(json.dumps(content).encode())
    if size > MAX_DOCUMENT_BYTES:
        raise DocumentTooLarge(
            f"{name} has {size} bytes; at most {MAX_DOCUMENT_BYTES} fit into SSM. Shorten its scripts."
        )
    properties: dict[str, Any] = {
        "Name": names.document(name),
        "DocumentType": kind,
        "DocumentFormat": "JSON",
        "Content": content,
        "UpdateMethod": "NewVersion",
        "Tags": names.tags,
    }
    if kind == "Command":
        properties["TargetType"] = "/AWS::EC2::Instance"
    # Without `build_resource`: scripts contain texts such as ${AWS_REGION}, which are no expressions of CloudFormation.
    return {"Type": "AWS::SSM::Document", "Properties": properties}
