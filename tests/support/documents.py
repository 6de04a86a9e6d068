"""Composed documents for tests."""

import functools
import json
from typing import Any

from ssm_documents.check import to_json
from ssm_documents.compose import compose

Document = dict[str, Any]
PROBE = "gpudesk-probe"


@functools.cache
def _compose_once(name: str) -> str:
    return to_json(compose(name))


def copy_document(name: str) -> Document:
    """Return a copy of a document, which the test may change. Composing happens once, because it takes long."""
    document: Document = json.loads(_compose_once(name))
    return document


def get_lines(document: Document, step: int) -> list[str]:
    """Return the script of a step, which the test may change."""
    lines: list[str] = document["mainSteps"][step]["inputs"]["runCommand"]
    return lines
